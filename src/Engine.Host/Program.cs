using Engine.Host.Cli;

return await EngineCommand.InvokeAsync(args).ConfigureAwait(false);
