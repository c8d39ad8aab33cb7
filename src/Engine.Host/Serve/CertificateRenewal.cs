using System.Net.Security;

namespace Engine.Host.Serve;

/// <summary>Takes a renewed certificate over while the host runs: connections that begin afterwards get it. What cannot be
/// used is logged, and the one from before stays.</summary>
/// <remarks>The files are looked at, as those of the settings are, and not watched by the system. What is new must be the same
/// at two looks in a row, so that nobody who is still writing, or has replaced one of two files, is interrupted.</remarks>
internal sealed partial class CertificateRenewal(
    CertificateFiles files,
    IServiceProvider services,
    TimeProvider time,
    ILogger<CertificateRenewal> logger)
    : BackgroundService
{
    internal static readonly TimeSpan Period = TimeSpan.FromSeconds(10);

    private byte[] _taken = [];
    private byte[] _seen = [];
    private string? _told;
    private volatile SslStreamCertificateContext? _renewed;

    /// <summary>Remembers what the files hold just before the server reads them.</summary>
    internal void Starts()
    {
        _taken = files.Digest();
        _seen = _taken;
    }

    /// <summary>Gives a connection that begins the certificate that is the newest.</summary>
    internal void Use(SslServerAuthenticationOptions connection)
    {
        if (_renewed is { } renewed)
        {
            connection.ServerCertificateContext = renewed;
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (true)
        {
            await Task.Delay(Period, time, stoppingToken).ConfigureAwait(false);
            try
            {
                Look();
            }
            catch (Exception e)
            {
                // Whatever it is: there is a certificate, and the next look may find it mended. Told once, not at every look.
                if (_told != e.Message)
                {
                    _told = e.Message;
                    LogRefused(e.Message);
                }
            }
        }
    }

    private void Look()
    {
        byte[] now = files.Digest();
        if (now.AsSpan().SequenceEqual(_taken))
        {
            // Also when it was put back.
            _seen = now;
            _told = null;
            return;
        }

        if (!now.AsSpan().SequenceEqual(_seen))
        {
            _seen = now;
            return;
        }

        var (certificate, context) = files.Load(services, time.GetUtcNow());
        if (!files.Digest().AsSpan().SequenceEqual(now))
        {
            return;
        }

        // The one before is not disposed of: connections may be in the middle of their handshake with it.
        _renewed = context;
        _taken = now;
        _told = null;
        LogTaken(files.Path, certificate.Subject, certificate.Thumbprint, certificate.NotAfter.ToUniversalTime());
    }

    [LoggerMessage(4031, LogLevel.Information,
        "Took over the renewed certificate '{Path}': {Subject}, {Thumbprint}, valid until {NotAfter:u}")]
    private partial void LogTaken(string path, string subject, string thumbprint, DateTime notAfter);

    [LoggerMessage(4032, LogLevel.Error, "A renewed certificate was refused, the one before stays: {Problem}")]
    private partial void LogRefused(string problem);
}
