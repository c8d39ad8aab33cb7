using Engine.Simulation.Cli;

return SimulateCommand.Run(args, Console.Out, Console.Error);
