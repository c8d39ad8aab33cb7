using System.Runtime.Versioning;
using System.Text;
using System.Text.Json;

namespace Engine.Tests.Processes;

/// <summary>What a program does, and what becomes of its run.</summary>
[UnsupportedOSPlatform("windows")]
[System.Diagnostics.CodeAnalysis.SuppressMessage(
    "Design", "CA1001", Justification = "xunit disposes through IAsyncLifetime.")]
public sealed partial class ProcessOutcomeTests : IAsyncLifetime
{
    private readonly ProcessHarness _harness = new();

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _harness.DisposeAsync();

    [Fact]
    public async Task Exit_0_completes_with_the_files_it_left()
    {
        var outcome = await _harness.ShellAsync("echo hello; echo oops >&2; mkdir d; printf 12345 > d/five; : > empty");

        var result = Result(outcome);
        Assert.Equal(0, result.GetProperty("exit_code").GetInt32());
        Assert.Equal([("d/five", 5L), ("empty", 0L)], ArtifactsOf(result));
        Assert.False(result.GetProperty("artifacts_truncated").GetBoolean());
        Assert.Equal(["hello"], await _harness.LinesAsync("stdout"));
        Assert.Equal(["oops"], await _harness.LinesAsync("stderr"));
        Assert.Equal("12345", await File.ReadAllTextAsync(Path.Combine(_harness.WorkDirectory, "d/five")));
    }

    [Fact]
    public async Task Another_exit_code_fails_with_the_last_3_lines()
    {
        var outcome = await _harness.ShellAsync("for i in 1 2 3 4 5; do echo line $i; echo; done; exit 7");

        Assert.Equal("line 3\nline 4\nline 5", Error(outcome));
    }

    [Theory]
    [InlineData("exit 3", "Process exited with code 3")]
    [InlineData("exit 255", "Process exited with code 255")]
    [InlineData("echo; echo '   '; exit 1", "Process exited with code 1")]
    [InlineData("kill -9 $$", "Process exited with code 137")]
    public async Task A_silent_failure_says_its_code(string script, string expected) =>
        Assert.Equal(expected, Error(await _harness.ShellAsync(script)));

    [Fact]
    public async Task The_error_is_redacted_like_the_log()
    {
        string error = Error(await _harness.ShellAsync("echo 'login failed: password=hunter2' >&2; exit 1"));

        Assert.Equal("login failed: password=[REDACTED]", error);
        Assert.Equal(["login failed: password=[REDACTED]"], await _harness.LinesAsync());
    }

    [Fact]
    public async Task A_program_that_is_not_allowed_does_not_run()
    {
        var failed = Failed(await _harness.RunAsync(new { program = "cat", arguments = (string[])["/etc/passwd"] }));

        Assert.Contains("'cat' is not allowed. Allowed are env, missing,", failed.Error, StringComparison.Ordinal);
        Assert.False(failed.Retryable);
        Assert.False(Directory.Exists(_harness.WorkDirectory));
    }

    [Theory]
    [InlineData("/bin/sh")]
    [InlineData("../sh")]
    [InlineData("./sh")]
    [InlineData("sh ")]
    [InlineData(" sh")]
    [InlineData("SH")]
    [InlineData("sh;id")]
    [InlineData("bin/sh")]
    public async Task Only_the_exact_name_is_allowed(string program) =>
        Assert.Contains("is not allowed", Error(await _harness.RunAsync(new { program })), StringComparison.Ordinal);

    [Fact]
    public async Task Without_a_list_nothing_is_allowed()
    {
        _harness.Settings.Allowed.Clear();

        Assert.Contains("None is", Error(await _harness.ShellAsync("true")), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("missing", "is not an executable file")]
    [InlineData("not-on-path", "is not on the PATH")]
    [InlineData("no-program", "is not an executable file")]
    public async Task A_program_that_is_not_there_is_a_start_failure(string program, string expected)
    {
        string error = Error(await _harness.RunAsync(new { program }));

        Assert.Contains("exit code -1", error, StringComparison.Ordinal);
        Assert.Contains(expected, error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_program_that_cannot_be_executed_is_a_start_failure()
    {
        string path = Path.Combine(_harness.Directory, "broken");
        await File.WriteAllTextAsync(path, "#!/no/such/interpreter\n");
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        _harness.Settings.Allowed.Add("broken", path);

        Assert.Contains("exit code -1", Error(await _harness.RunAsync(new { program = "broken" })), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Arguments_reach_the_program_as_they_are()
    {
        string[] odd = ["", "two words", "$HOME `id` ; | & > x", "*", "-rf", "quote\" and '", "new\nline", "grüße 🎉"];
        await _harness.RunAsync(new
        {
            program = "sh",
            arguments = (string[])["-c", "for a in \"$@\"; do printf '%s\\0' \"$a\"; done > got", "sh", .. odd],
        });

        byte[] got = await File.ReadAllBytesAsync(Path.Combine(_harness.WorkDirectory, "got"));
        Assert.Equal(odd, Encoding.UTF8.GetString(got).Split('\0')[..^1]);
    }

    [Fact]
    public async Task The_goal_of_an_http_submission_does_not_matter()
    {
        Assert.IsType<JobOutcome.Completed>(await _harness.RunAsync(new { goal = "Anything", program = "env" }));
        Assert.DoesNotContain(await _harness.LinesAsync(), line => line.Contains("Anything", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Standard_input_is_empty() =>
        Assert.Equal(0, Result(await _harness.ShellAsync("cat; echo end")).GetProperty("exit_code").GetInt32());

    [Theory]
    [InlineData("not json", "payload")]
    [InlineData("[]", "payload")]
    [InlineData("{}", "program")]
    [InlineData("""{"program":7}""", "program")]
    [InlineData("""{"program":""}""", "program")]
    [InlineData("""{"program":"sh","shell":true}""", "shell")]
    [InlineData("""{"program":"sh","program":"sh"}""", "payload")]
    [InlineData("""{"program":"sh","arguments":"-c"}""", "arguments")]
    [InlineData("""{"program":"sh","arguments":["a",1]}""", "arguments[1]")]
    [InlineData("""{"program":"sh","arguments":["a\u0000b"]}""", "arguments[0]")]
    [InlineData("""{"program":"sh","arguments":["\ud800"]}""", "arguments[0]")]
    [InlineData("""{"program":"sh","environment":[]}""", "environment")]
    [InlineData("""{"program":"sh","environment":{"A":1}}""", "environment.A")]
    [InlineData("""{"program":"sh","environment":{"":"x"}}""", "environment.")]
    [InlineData("""{"program":"sh","environment":{"A=B":"x"}}""", "environment.A=B")]
    [InlineData("""{"program":"sh","environment":{"LD_PRELOAD":"/x.so"}}""", "environment.LD_PRELOAD")]
    [InlineData("""{"program":"sh","environment":{"ld_library_path":"/x"}}""", "environment.ld_library_path")]
    [InlineData("""{"program":"sh","environment":{"PATH":"/x"}}""", "environment.PATH")]
    [InlineData("""{"program":"sh","environment":{"BASH_ENV":"/x"}}""", "environment.BASH_ENV")]
    [InlineData("""{"program":"sh","environment":{"BASH_FUNC_ls%%":"() { id; }"}}""", "environment.BASH_FUNC_ls%%")]
    [InlineData("""{"program":"sh","environment":{"ENGINE_RUN_TOKEN":"x"}}""", "environment.ENGINE_RUN_TOKEN")]
    [InlineData("""{"program":"sh","environment":{"DOTNET_STARTUP_HOOKS":"/x.dll"}}""", "environment.DOTNET_STARTUP_HOOKS")]
    [InlineData("""{"program":"sh","environment":{"GIT_SSH_COMMAND":"id"}}""", "environment.GIT_SSH_COMMAND")]
    [InlineData("""{"program":"sh","environment":{"OPENSSL_CONF":"x"}}""", "environment.OPENSSL_CONF")]
    [InlineData("""{"program":"sh","environment":{"DOTNET_GCPath":"x"}}""", "environment.DOTNET_GCPath")]
    [InlineData("""{"program":"sh","environment":{"COMPlus_GCName":"x"}}""", "environment.COMPlus_GCName")]
    [InlineData("""{"program":"sh","environment":{"XDG_CONFIG_HOME":"x"}}""", "environment.XDG_CONFIG_HOME")]
    [InlineData("""{"program":"sh","environment":{"COMPILER_PATH":"x"}}""", "environment.COMPILER_PATH")]
    [InlineData("""{"program":"sh","environment":{"GCC_EXEC_PREFIX":"x"}}""", "environment.GCC_EXEC_PREFIX")]
    [InlineData("""{"program":"sh","environment":{"PYTHONPYCACHEPREFIX":"x"}}""", "environment.PYTHONPYCACHEPREFIX")]
    [InlineData("""{"program":"sh","environment":{"GOFLAGS":"x"}}""", "environment.GOFLAGS")]
    [InlineData("""{"program":"sh","environment":{"RUSTC_WRAPPER":"x"}}""", "environment.RUSTC_WRAPPER")]
    [InlineData("""{"program":"sh","environment":{"NPM_CONFIG_SCRIPT_SHELL":"x"}}""", "environment.NPM_CONFIG_SCRIPT_SHELL")]
    [InlineData("""{"program":"sh","input_files":["/etc/passwd"]}""", "input_files[0]")]
    [InlineData("""{"program":"sh","input_files":["../x"]}""", "input_files[0]")]
    [InlineData("""{"program":"sh","input_files":["a/../../x"]}""", "input_files[0]")]
    [InlineData("""{"program":"sh","input_files":["a//b"]}""", "input_files[0]")]
    [InlineData("""{"program":"sh","input_files":[{"from":"a","to":"../b"}]}""", "input_files[0].to")]
    [InlineData("""{"program":"sh","input_files":[{"to":"b"}]}""", "input_files[0].from")]
    [InlineData("""{"program":"sh","input_files":["a"]}""", "input_files[0]")]
    public async Task A_payload_that_breaks_a_rule_is_refused_by_field(string payload, string field)
    {
        var failed = Failed(await _harness.RunAsync(Encoding.UTF8.GetBytes(payload)));

        Assert.Contains($"field '{field}' ", failed.Error, StringComparison.Ordinal);
        Assert.False(failed.Retryable);
        Assert.Empty(await _harness.LinesAsync());
    }

    [Fact]
    public async Task The_environment_is_a_small_base_and_what_the_payload_adds()
    {
        Environment.SetEnvironmentVariable("ENGINE_TEST_OF_THE_HOST", "private");
        Environment.SetEnvironmentVariable("ENGINE_TEST_PASSED", "passed on");
        _harness.Settings.PassEnvironment.Add("ENGINE_TEST_PASSED");

        await _harness.RunAsync(new { program = "env", environment = new { MINE = "a=b c", LC_ALL = "C" } });

        string[] names = [.. (await _harness.LinesAsync()).Select(line => line.Split('=')[0]).Order()];
        Assert.Equal(
            ["ENGINE_JOB_ID", "ENGINE_RUN", "ENGINE_RUN_TOKEN", "ENGINE_TEST_PASSED", "HOME", "LANG", "LC_ALL", "MINE", "PATH", "TMPDIR"],
            names.Where(name => name is not ("_" or "PWD" or "SHLVL")));
        Assert.Contains("MINE=a=b c", await _harness.LinesAsync());
    }

    [Fact]
    public async Task The_operator_may_let_a_variable_through()
    {
        _harness.Settings.AllowEnvironment.Add("PYTHONPATH");

        await _harness.RunAsync(new { program = "env", environment = new { PYTHONPATH = "/lib" } });

        Assert.Contains("PYTHONPATH=/lib", await _harness.LinesAsync());
    }

    [Fact]
    public async Task A_run_has_a_directory_and_a_home_of_its_own()
    {
        await _harness.ShellAsync("pwd; echo home $HOME; touch $HOME/x $TMPDIR/y && stat -c %a . $HOME");

        string[] lines = await _harness.LinesAsync();
        Assert.Equal(_harness.WorkDirectory, lines[0]);
        Assert.Equal(["700", "700"], lines[2..]);
        Assert.False(Directory.Exists(lines[1]["home ".Length..]), "The home is removed afterwards.");
    }

    [Fact]
    public async Task An_endless_line_is_cut()
    {
        var outcome = await _harness.ShellAsync("head -c 200000000 /dev/zero | tr '\\0' x; echo; echo after");

        Assert.IsType<JobOutcome.Completed>(outcome);
        Assert.Equal([new string('x', 2000) + "...[truncated]", "after"], await _harness.LinesAsync());
    }

    [Fact]
    public async Task Output_that_is_no_text_harms_nobody()
    {
        await _harness.ShellAsync("printf 'bad \\377\\376 byte\\nnul \\000 code\\n\\033[31mred\\033[0m\\r50%%\\r100%%\\nlast \\303'");

        Assert.Equal(
            ["bad \ufffd\ufffd byte", "nul  code", "red", "50%", "100%", "last \ufffd"], await _harness.LinesAsync());
    }

    [Fact]
    public async Task A_character_across_two_reads_stays_whole()
    {
        await _harness.ShellAsync("i=0; while [ $i -lt 9000 ]; do printf '\\303\\274'; i=$((i+1)); done; echo");

        Assert.Equal(new string('ü', 2000) + "...[truncated]", Assert.Single(await _harness.LinesAsync()));
    }

    [Fact]
    public async Task Links_that_lead_out_are_no_artifacts()
    {
        var outcome = await _harness.ShellAsync(
            "echo x > real; ln -s /etc/passwd file; ln -s /etc dir; ln -s real inside; ln -s . loop; ln -s /nowhere dangling");

        Assert.Equal([("real", 2L)], ArtifactsOf(Result(outcome)));
    }

    [Fact]
    public async Task Very_many_artifacts_are_counted_but_not_all_listed()
    {
        var outcome = await _harness.ShellAsync("i=0; while [ $i -lt 1500 ]; do : > file$i; i=$((i+1)); done");

        var result = Result(outcome);
        Assert.Equal(1_000, ArtifactsOf(result).Count);
        Assert.Equal(1_500, result.GetProperty("artifact_count").GetInt32());
        Assert.True(result.GetProperty("artifacts_truncated").GetBoolean());
        Assert.InRange(((JobOutcome.Completed)outcome).Result.Length, 1, 256 * 1024);
    }

    [Fact]
    public async Task Inputs_are_copied_and_listed_only_when_changed()
    {
        string inputs = Path.Combine(_harness.Directory, "inputs");
        Directory.CreateDirectory(Path.Combine(inputs, "project/src"));
        await File.WriteAllTextAsync(Path.Combine(inputs, "one.txt"), "1");
        await File.WriteAllTextAsync(Path.Combine(inputs, "project/a.txt"), "a");
        await File.WriteAllTextAsync(Path.Combine(inputs, "project/src/b.txt"), "b");
        _harness.Settings.InputDirectory = inputs;

        var outcome = await _harness.RunAsync(new
        {
            program = "sh",
            arguments = (string[])["-c", "cat renamed project/a.txt project/src/b.txt > all; echo more >> project/a.txt"],
            input_files = (object[])[new { from = "one.txt", to = "renamed" }, "project"],
        });

        Assert.Equal([("all", 3L), ("project/a.txt", 6L)], ArtifactsOf(Result(outcome)));
        Assert.Equal("a", await File.ReadAllTextAsync(Path.Combine(inputs, "project/a.txt")));
    }

    [Theory]
    [InlineData("link-to-file")]
    [InlineData("link-to-directory/passwd")]
    [InlineData("holds-a-link")]
    [InlineData("not-there")]
    public async Task Inputs_do_not_lead_out_of_their_directory(string path)
    {
        string inputs = Directory.CreateDirectory(Path.Combine(_harness.Directory, "inputs")).FullName;
        File.CreateSymbolicLink(Path.Combine(inputs, "link-to-file"), "/etc/passwd");
        Directory.CreateSymbolicLink(Path.Combine(inputs, "link-to-directory"), "/etc");
        Directory.CreateDirectory(Path.Combine(inputs, "holds-a-link"));
        File.CreateSymbolicLink(Path.Combine(inputs, "holds-a-link/x"), "/etc/passwd");
        _harness.Settings.InputDirectory = inputs;

        string error = Error(await _harness.RunAsync(new { program = "env", input_files = (string[])[path] }));

        Assert.Contains("field 'input_files[0]' must", error, StringComparison.Ordinal);
        Assert.DoesNotContain(_harness.Directory, error, StringComparison.Ordinal);
        Assert.Empty(await _harness.LinesAsync());
    }

    [Theory]
    [InlineData("inputs/pipe", "inputs/pipe")]
    [InlineData("inputs/pipe", "inputs")]
    [InlineData("inputs/a/b/pipe", "inputs")]
    public async Task An_input_that_is_a_pipe_is_refused_and_not_waited_for(string pipe, string input)
    {
        string path = Path.Combine(_harness.Directory, pipe);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        MakePipe(path);
        _harness.Settings.InputDirectory = _harness.Directory;

        string error = Error(await _harness.RunAsync(new { program = "env", input_files = (string[])[input] }));

        Assert.Contains(
            "field 'input_files[0]' must be files and directories; 'pipe' is neither", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_artifact_may_lie_as_deep_as_a_path_can_be_long()
    {
        var outcome = await _harness.ShellAsync(
            "deep=$(printf 'x/%.0s' $(seq 500)); mkdir -p $deep; echo x > ${deep}file");

        var (path, size) = Assert.Single(ArtifactsOf(Result(outcome)));
        Assert.Equal((1_004, 2L), (path.Length, size));
    }

    [Fact]
    public async Task A_pipe_that_a_program_leaves_is_no_artifact()
    {
        var outcome = await _harness.ShellAsync("mkfifo pipe; echo x > file");

        Assert.Equal([("file", 2L)], ArtifactsOf(Result(outcome)));
    }

    [Fact]
    public async Task Names_that_are_no_UTF8_fail_no_run_and_are_removed_with_the_rest()
    {
        var outcome = await _harness.ShellAsync(
            "n=$(printf '\\351'); mkdir d$n locked; echo x > d$n/in; echo x > a$n; echo x > locked/b$n; chmod 500 locked; echo x > file");
        await using var logs = new Engine.Host.Processes.RunDirectoryLogs(_harness.Logs, _harness.Directories);

        await logs.DeleteAsync(_harness.Job);

        Assert.Equal([("file", 2L)], ArtifactsOf(Result(outcome)));
        Assert.False(Directory.Exists(Path.GetDirectoryName(_harness.WorkDirectory)));
    }

    [Fact]
    public async Task What_runs_left_is_removed_with_the_log_of_the_job()
    {
        await _harness.ShellAsync("echo x > file; mkdir locked; : > locked/in; chmod 500 locked; ln -s /etc link");
        await using var logs = new Engine.Host.Processes.RunDirectoryLogs(_harness.Logs, _harness.Directories);

        await logs.DeleteAsync(_harness.Job);

        Assert.False(Directory.Exists(Path.GetDirectoryName(_harness.WorkDirectory)));
        Assert.True(Directory.Exists("/etc"));
        Assert.Empty(await _harness.LinesAsync());
    }

    private static void MakePipe(string path) => Assert.Equal(0, MakePipe(path, 0x180));

    [System.Runtime.InteropServices.LibraryImport(
        "libc", EntryPoint = "mkfifo", StringMarshalling = System.Runtime.InteropServices.StringMarshalling.Utf8)]
    [System.Runtime.InteropServices.DefaultDllImportSearchPaths(System.Runtime.InteropServices.DllImportSearchPath.SafeDirectories)]
    private static partial int MakePipe(string path, uint mode);

    private static JsonElement Result(JobOutcome outcome) =>
        JsonElement.Parse(Assert.IsType<JobOutcome.Completed>(outcome).Result.Span);

    private static List<(string, long)> ArtifactsOf(JsonElement result) =>
    [
        .. result.GetProperty("artifacts").EnumerateArray()
            .Select(file => (file.GetProperty("path").GetString()!, file.GetProperty("size").GetInt64())),
    ];

    private static JobOutcome.Failed Failed(JobOutcome outcome) => Assert.IsType<JobOutcome.Failed>(outcome);

    private static string Error(JobOutcome outcome) => Failed(outcome).Error;
}
