using System.Net;
using Engine.Host.Configuration;
using Engine.Host.Serve;
using Engine.Tests.Http;

namespace Engine.Tests.Standby;

/// <summary>What a host publishes as its address.</summary>
public class AdvertisedAddressTests
{
    [Theory]
    [InlineData("http://10.0.0.7:5080", "http://10.0.0.7:5080")]
    [InlineData("http://127.0.0.1:1; http://10.0.0.7:5080", "http://127.0.0.1:1")]
    [InlineData("https://engine.example.com/", "https://engine.example.com")]
    [InlineData("http://0.0.0.0:5080", "http://MACHINE:5080")]
    [InlineData("http://*:5080", "http://MACHINE:5080")]
    [InlineData("http://+:5080", "http://MACHINE:5080")]
    [InlineData("http://[::]:5080", "http://MACHINE:5080")]
    [InlineData("http://[::1]:5080", "http://[::1]:5080")]
    [InlineData("http://127.0.0.1:0", null)]
    public void Before_it_listens_it_is_the_first_address_that_was_set(string listen, string? expected)
    {
        var address = new AdvertisedAddress(new HttpSettings { Listen = listen });

        Assert.Equal(expected?.Replace("MACHINE", Dns.GetHostName(), StringComparison.Ordinal), address.Value);
    }

    [Fact]
    public void What_is_set_comes_before_where_it_listens() => Assert.Equal(
        "https://engine-1.example.com:8443",
        new AdvertisedAddress(new HttpSettings { AdvertisedAddress = "https://engine-1.example.com:8443/" }).Value);

    [Theory]
    [InlineData("AdvertisedAddress", "engine-1", "an http or https URL")]
    [InlineData("AdvertisedAddress", "ftp://engine-1", "an http or https URL")]
    [InlineData("AdvertisedAddress", "http://engine-1/path", "an http or https URL")]
    [InlineData("AdvertisedAddress", "http://user:secret@engine-1", "an http or https URL")]
    [InlineData("AdvertisedAddress", "http://engine-1:0", "an http or https URL")]
    [InlineData("Standby", "yes", "true or false")]
    [InlineData("Standby", "true", "with Engine:Journal Memory")]
    public void A_setting_that_cannot_be_is_refused_by_name(string key, string value, string rule)
    {
        var refusal = Assert.Throws<SettingsException>(() => SettingsReader.Read(EngineServer.Configure((key, value))));

        Assert.StartsWith($"Engine:{key}: must be ", Assert.Single(refusal.Problems), StringComparison.Ordinal);
        Assert.Contains(rule, refusal.Message, StringComparison.Ordinal);
    }
}
