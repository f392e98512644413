# Perl's Mojolicious, as clients.py does it: mojo.pl URL REGISTER COUNT
use v5.32;
use Mojo::UserAgent;

my ($url, $register, $count) = @ARGV;
my $agent = Mojo::UserAgent->new(inactivity_timeout => 60);
$agent->websocket($url => {'Sec-WebSocket-Extensions' => 'permessage-deflate'} => sub {
  my (undef, $socket) = @_;
  die 'no WebSocket: ' . $socket->res->code unless $socket->is_websocket;
  my $seen = 0;
  $socket->on(text => sub {  # the bytes
    my (undef, $text) = @_;
    say $text;
    $socket->finish(1000) if ++$seen == $count;
  });
  $socket->on(finish => sub {
    my (undef, $code) = @_;
    say "closed $code";
    Mojo::IOLoop->stop;
  });
  $socket->send({text => $register});
});
Mojo::IOLoop->start;
