using System.Text.RegularExpressions;

namespace Engine.Host.Processes;

/// <summary>What a program finds in its environment: a small base and what the payload adds, nothing of the host's
/// own.</summary>
internal static partial class ProcessEnvironment
{
    /// <summary>Names every process of a run, however far it has strayed; only this host knows it.</summary>
    internal const string TokenVariable = "ENGINE_RUN_TOKEN";

    private const string DefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

    // What makes a loader, a shell, a runtime or a common tool run other code than the program that was allowed.
    private static readonly HashSet<string> Denied = new(StringComparer.OrdinalIgnoreCase)
    {
        "PATH", "HOME", "TMPDIR", "IFS", "ENV", "BASH_ENV", "SHELLOPTS", "BASHOPTS", "PS4", "PROMPT_COMMAND", "CDPATH",
        "GLIBC_TUNABLES", "GCONV_PATH", "LOCPATH", "NLSPATH", "HOSTALIASES", "LOCALDOMAIN", "RES_OPTIONS",
        "RESOLV_HOST_CONF", "GETCONF_DIR", "NIS_PATH", "TZDIR", "TERMINFO", "TERMINFO_DIRS", "TERMCAP",
        "PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "PYTHONINSPECT", "PYTHONUSERBASE", "PYTHONBREAKPOINT",
        "PYTHONPYCACHEPREFIX", "PYTHONPLATLIBDIR", "PYTHONEXECUTABLE", "PYTHONWARNINGS",
        "PERL5LIB", "PERLLIB", "PERL5OPT", "PERL5DB", "RUBYOPT", "RUBYLIB", "GEM_HOME", "GEM_PATH", "BUNDLE_GEMFILE",
        "NODE_OPTIONS", "NODE_PATH", "NODE_REPL_EXTERNAL_MODULE", "LUA_INIT", "LUA_PATH", "LUA_CPATH", "TCLLIBPATH",
        "JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS", "JAVA_OPTS", "JAVA_HOME", "JAVACMD", "CLASSPATH",
        "MAVEN_OPTS", "MAVEN_ARGS", "GRADLE_OPTS", "ANT_OPTS", "ANT_ARGS", "PHPRC", "PHP_INI_SCAN_DIR",
        "GOFLAGS", "GOENV", "GOROOT", "GOTOOLCHAIN", "CC", "CXX", "COMPILER_PATH", "GCC_EXEC_PREFIX",
        "CURL_HOME", "WGETRC", "SYSTEM_WGETRC", "ZDOTDIR", "SHELL",
        "DOTNET_STARTUP_HOOKS", "DOTNET_ADDITIONAL_DEPS", "DOTNET_SHARED_STORE", "DOTNET_ROOT",
        "ASPNETCORE_HOSTINGSTARTUPASSEMBLIES", "MSBUILD_EXE_PATH", "MSBUILDEXTENSIONSPATH", "MSBUILDSDKSPATH",
        "TAR_OPTIONS", "GZIP", "XZ_OPT", "XZ_DEFAULTS", "MAKEFLAGS", "GNUMAKEFLAGS", "EDITOR", "VISUAL", "PAGER",
        "BROWSER", "LESSOPEN", "LESSCLOSE", "MANPAGER", "SSH_ASKPASS", "SUDO_ASKPASS",
    };

    private static readonly string[] DeniedPrefixes =
    [
        "LD_", "DYLD_", "BASH_FUNC_", "GIT_", "XDG_", "OPENSSL_", "COR_", "CORECLR_", "COMPLUS_", "DOTNET_GC",
        "DOTNET_ROOT_", "DOTNET_STARTUP", "NPM_CONFIG_", "PIP_", "CARGO_", "RUSTC", "RUSTUP_", "ENGINE_",
    ];

    /// <summary>Why a payload may not set this variable, or null when it may.</summary>
    internal static FieldError? Problem(string name, ProcessSettings settings)
    {
        string field = $"environment.{name}";
        if (!VariableName().IsMatch(name))
        {
            return new FieldError(
                field, "is no name of a variable: 1 to 128 letters, digits and underscores, not a digit first");
        }

        bool denied = Denied.Contains(name)
            || DeniedPrefixes.Any(prefix => name.StartsWith(prefix, StringComparison.OrdinalIgnoreCase));
        return denied && !settings.AllowEnvironment.Contains(name, StringComparer.Ordinal)
            ? new FieldError(field, "may not be set: it can change what a program runs (Engine:Processes:AllowEnvironment)")
            : null;
    }

    /// <summary>The whole environment of a run.</summary>
    /// <param name="settings">What the host lets through.</param>
    /// <param name="payload">What the job adds; each variable has been checked.</param>
    /// <param name="scratch">A directory for what the program keeps at home or for a moment.</param>
    /// <param name="context">The run.</param>
    /// <param name="token">The value of <see cref="TokenVariable"/>.</param>
    internal static Dictionary<string, string> Create(
        ProcessSettings settings, ProcessPayload payload, string scratch, JobContext context, string token)
    {
        Dictionary<string, string> environment = new(StringComparer.Ordinal)
        {
            ["PATH"] = Environment.GetEnvironmentVariable("PATH") ?? DefaultPath,
            ["HOME"] = scratch,
            ["TMPDIR"] = scratch,
            ["LANG"] = "C.UTF-8",
        };
        foreach (string name in settings.PassEnvironment)
        {
            if (Environment.GetEnvironmentVariable(name) is { } value)
            {
                environment[name] = value;
            }
        }

        foreach (var (name, value) in payload.Environment)
        {
            environment[name] = value;
        }

        environment["ENGINE_JOB_ID"] = context.JobId.ToString();
        environment["ENGINE_RUN"] = context.Run.ToString(System.Globalization.CultureInfo.InvariantCulture);
        environment[TokenVariable] = token;
        return environment;
    }

    [GeneratedRegex("^[A-Za-z_][A-Za-z0-9_]{0,127}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex VariableName();
}
