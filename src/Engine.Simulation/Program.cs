using Engine.Simulation;

Console.Error.WriteLine($"Engine.Simulation {typeof(RandomStream).Assembly.GetName().Version}: simulate is not there yet.");
return 1;
