using System.Runtime.CompilerServices;

namespace Engine.Core;

/// <summary>What a job in some state and stage is called.</summary>
/// <param name="State">The state.</param>
/// <param name="Name">As it is called on the wire.</param>
/// <param name="Label">In words.</param>
internal readonly record struct StatusText(JobState State, string Name, string Label);

/// <summary>Every status that jobs can be shown with, by number. Configuration, not state.</summary>
/// <remarks>A number keeps its meaning when types are configured anew: what was written down as a number still says
/// what was true then. Equal ones share a number, so that the book grows with what is new only.</remarks>
internal sealed class StatusBook
{
    private readonly List<StatusText> _texts = [];
    private readonly Dictionary<StatusText, int> _numbers = [];

    internal StatusBook()
    {
        foreach (var state in Enum.GetValues<JobState>())
        {
            // Types without a pipeline rely on it: the number of a state itself is the state.
            Invariant.Holds(NumberOf(PlainText(state)) == (int)state);
        }
    }

    internal int Count => _texts.Count;

    internal StatusText this[int number] => _texts[number];

    /// <summary>What people are shown of a job now.</summary>
    internal StatusText Of(Job job) => _texts[job.Type.Statuses.NumberOf(job)];

    /// <summary>The numbers for jobs of a type.</summary>
    internal StatusTable TableFor(JobType? type)
    {
        if (type?.Pipeline is not { } pipeline)
        {
            return StatusTable.Plain;
        }

        var stages = pipeline.Stages;
        int[] numbers = new int[StatusTable.States * stages.Count];
        for (int i = 0; i < numbers.Length; i++)
        {
            var state = (JobState)(i / stages.Count);
            numbers[i] = NumberOf(TextOf(pipeline, state, stages[i % stages.Count]));
        }

        return new StatusTable(numbers);
    }

    // The stage for a type with a pipeline, else the state (design 4, A-T16).
    private static StatusText TextOf(Pipeline pipeline, JobState state, Stage stage)
    {
        var shown = state switch
        {
            JobState.Running or JobState.AwaitingConfirmation => stage,
            JobState.Completed => pipeline.Completed,
            JobState.Failed or JobState.Cancelled or JobState.Skipped => pipeline.Failed,
            JobState.None or JobState.Scheduled or JobState.Queued => null,
        };
        return shown is null ? PlainText(state) : new StatusText(state, shown.Name, shown.Label);
    }

    private static StatusText PlainText(JobState state) => new(state, state.WireName, LabelOf(state));

    private static string LabelOf(JobState state) => state switch
    {
        JobState.None => "",
        JobState.Scheduled => "Scheduled",
        JobState.Queued => "Queued...",
        JobState.Running => "Running...",
        JobState.AwaitingConfirmation => "Awaiting confirmation",
        JobState.Completed => "Completed",
        JobState.Failed => "Failed",
        JobState.Cancelled => "Cancelled",
        JobState.Skipped => "Skipped",
    };

    private int NumberOf(StatusText text)
    {
        if (!_numbers.TryGetValue(text, out int number))
        {
            _numbers[text] = number = _texts.Count;
            _texts.Add(text);
        }

        return number;
    }
}

/// <summary>The numbers in the <see cref="StatusBook"/> for jobs of one type as it is configured.</summary>
/// <remarks>Never changes.</remarks>
internal sealed class StatusTable
{
    internal const int States = (int)JobState.Skipped + 1;

    private readonly int[] _numbers;
    private readonly int _stages;

    /// <param name="numbers">For each state in order, one for each stage.</param>
    internal StatusTable(int[] numbers)
    {
        Invariant.Holds(numbers.Length > 0 && numbers.Length % States == 0);
        (_numbers, _stages) = (numbers, numbers.Length / States);
    }

    /// <summary>For types without a pipeline, and those that are not configured: the states themselves.</summary>
    internal static StatusTable Plain { get; } = new([.. Enumerable.Range(0, States)]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal int NumberOf(Job job) =>
        _numbers[_stages == 1
            ? (int)job.State
            : ((int)job.State * _stages) + Math.Clamp(job.StageIndex, 0, _stages - 1)];
}
