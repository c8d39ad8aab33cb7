using System.CommandLine;
using Engine.Bench.Micro;
using Engine.Bench.Throughput;

var root = new RootCommand("Measures the engine. docs/performance.md says what each figure means.");
root.Subcommands.Add(ThroughputCommand.Create());
root.Subcommands.Add(MicroCommand.Create());
return await root.Parse(args).InvokeAsync();
