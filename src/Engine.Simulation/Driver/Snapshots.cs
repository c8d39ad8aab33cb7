using Engine.Core.Imaging;
using Engine.Diagnostics;
using Engine.Runtime;
using Engine.Storage;
using Microsoft.Extensions.Logging.Abstractions;

namespace Engine.Simulation.Driver;

/// <summary>The snapshots of one life: does in the world's events what a thread does in production.</summary>
internal sealed class Snapshots : IDisposable
{
    // So few that the state changes between two of them. Every other time as many as usual: all at once, while frames
    // are on their way.
    private const int FewPerStep = 1;

    private readonly Life _life;
    private readonly SimEngine _engine;
    private readonly Snapshotter _snapshotter;
    private bool _isTaking;
    private ImageOperation? _imageAsked;
    private TaskCompletionSource<StateImage>? _imageWanted;
    private int _images;

    /// <param name="life">Whose snapshots they are.</param>
    /// <param name="engine">The engine over all its lives.</param>
    /// <param name="journal">The storage port of the life.</param>
    /// <param name="ownership">What the life was told when the journal became its own.</param>
    /// <param name="found">What the life found when it began.</param>
    /// <param name="metrics">Told of each snapshot.</param>
    internal Snapshots(
        Life life,
        SimEngine engine,
        IJournal journal,
        JournalOwnership ownership,
        Recovery.Report found,
        EngineMetrics metrics)
    {
        (_life, _engine) = (life, engine);
        Progress = new JournalProgress(ownership.LastSequence);
        _snapshotter = new Snapshotter(
            journal,
            ownership.Epoch,
            life.Core.Settings,
            _ => ImageAsync(),
            Progress,
            found,
            engine.SnapshotBytes,
            engine.World.Clock,
            metrics,
            NullLogger.Instance)
        {
            // Often: the worlds are small.
            GrowthPerByte = 1,
        };
        if (found.SnapshotSequence > 0)
        {
            engine.Inquest.Sometimes.Saw(Corner.StartedFromSnapshot);
        }
    }

    /// <summary>How far the journal is durable, as the loop says.</summary>
    internal JournalProgress Progress { get; }

    /// <summary>The one that is being taken, or the last.</summary>
    internal Task Latest { get; private set; } = Task.CompletedTask;

    /// <summary>Takes a snapshot when one is due.</summary>
    internal async void FollowJournal()
    {
        if (_isTaking || _life.IsDead || _life.Witness.IsSuperseded || !_snapshotter.IsDue)
        {
            return;
        }

        _isTaking = true;
        int failedReads = _engine.FailedReads;
        try
        {
            var taken = _snapshotter.TakeAsync(CancellationToken.None).AsTask();
            Latest = taken;
            if (await taken.ConfigureAwait(false) is not null && !_life.IsDead)
            {
                _engine.Inquest.Sometimes.Saw(Corner.SnapshotTaken);
            }

            _isTaking = false;
        }
        catch (EngineStoppedException) when (_life.Loop!.HasEnded)
        {
            // The loop says why.
        }
        catch (Exception exception)
        {
            // Not tried again in this life: a disk that is in trouble, or an owner that was superseded meanwhile. But
            // what is found damaged, by a disk that neither lied nor failed to read, is the engine's own doing.
            bool isTrouble = exception is JournalDamagedException
                ? _engine.MayLie || _engine.FailedReads > failedReads
                : exception is IOException && _engine.MayRefuse;
            bool isExcused = isTrouble
                || (exception is IOException and not JournalDamagedException && _life.Witness.IsSuperseded);
            if (!isExcused && !_life.IsDead)
            {
                _engine.Inquest.Fail("D4", $"A snapshot of a sound journal failed: {exception.Message}");
            }
        }
    }

    public void Dispose() => Progress.Dispose();

    /// <summary>Hands on the image that the loop has copied. Here, and not where the loop answers: what follows is
    /// another thread's work.</summary>
    internal void GiveImage()
    {
        if (_imageAsked is not { Task: { IsCompleted: true } answer })
        {
            return;
        }

        _imageAsked = null;
        try
        {
            var taken = answer.GetAwaiter().GetResult();
            var image = taken.ToImage();
            if (image.LastEventId < _life.Core.State.LastEventId)
            {
                _engine.Inquest.Sometimes.Saw(Corner.ChangedWhileCopied);
            }

            _imageWanted!.SetResult(image);
        }
        catch (EngineStoppedException stopped)
        {
            _imageWanted!.SetException(stopped);
        }
    }

    private ValueTask<StateImage> ImageAsync()
    {
        _imageAsked = new ImageOperation
        {
            CopiedPerStep = (_life.Epoch + ++_images) % 2 == 0 ? ImageOperation.UsuallyCopiedPerStep : FewPerStep,
        };
        _imageWanted = new TaskCompletionSource<StateImage>();
        _life.Send(_imageAsked);
        return new ValueTask<StateImage>(_imageWanted.Task);
    }
}
