// Counts the primes below a limit: something to compile, and to run afterwards.
int limit = args.Length > 0 ? int.Parse(args[0]) : 1_000_000;
var composite = new bool[limit];
int primes = 0;
for (long i = 2; i < limit; i++)
{
    if (!composite[i])
    {
        primes++;
        for (long multiple = i * i; multiple < limit; multiple += i)
        {
            composite[multiple] = true;
        }
    }
}

Console.WriteLine($"{primes} primes below {limit}");
