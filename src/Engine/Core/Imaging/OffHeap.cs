using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Engine.Core.Imaging;

/// <summary>A growing list of values in memory that the collector neither moves nor looks through.</summary>
/// <remarks>
/// For what is written once, stays for a second and is a hundred megabytes: on the heap, the collector would move each
/// of them twice while everybody waits. The memory goes back with <see cref="Dispose"/>, or with the object. One thread
/// at a time.
/// </remarks>
internal sealed unsafe class OffHeap<T> : IDisposable
    where T : unmanaged
{
    private const int PieceShift = 13;
    private const int PieceSize = 1 << PieceShift;

    private readonly List<nint> _pieces = [];
    private bool _isDisposed;

    ~OffHeap() => Free();

    internal int Count { get; private set; }

    internal T this[int index]
    {
        get
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)index, (uint)Count, nameof(index));
            T value = ((T*)_pieces[index >> PieceShift])[index & (PieceSize - 1)];

            // Else it might be finalized while the memory is read.
            GC.KeepAlive(this);
            return value;
        }
    }

    internal void Add(in T value)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        int place = Count & (PieceSize - 1);
        if (place == 0)
        {
            _pieces.Add((nint)NativeMemory.Alloc(PieceSize, (nuint)Unsafe.SizeOf<T>()));
        }

        ((T*)_pieces[^1])[place] = value;
        Count++;
        GC.KeepAlive(this);
    }

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        if (!_isDisposed)
        {
            _isDisposed = true;
            foreach (nint piece in _pieces)
            {
                NativeMemory.Free((void*)piece);
            }
        }
    }
}
