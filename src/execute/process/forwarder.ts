/**
 * Runs inside the cage, where the network namespace is empty: listens on the cage's own loopback, passes each connection
 * to the egress proxy through the bound socket, and becomes the job. Perl, because perl-base is on every Debian and
 * starts in a few milliseconds; forked twice, so that the job never sees a child that is not its own. Descriptors that
 * whoever started the server left open are closed before the job begins.
 */
export const forwarderScript = String.raw`my ($port, $door, @job) = @ARGV;
# Linux's numbers, since loading the module that has their names takes longer than everything else here.
my ($unix, $inet, $stream) = (1, 2, 1);
socket(my $listener, $inet, $stream, 0) or die "fairlead: no socket: $!\n";
bind($listener, pack('S n C4 x8', $inet, $port, 127, 0, 0, 1)) or die "fairlead: no loopback port: $!\n";
listen($listener, 128) or die "fairlead: cannot listen: $!\n";
my $middle = fork;
die "fairlead: cannot fork: $!\n" unless defined $middle;
if ($middle == 0) {
  my $server = fork;
  exit 0 if $server;
  open(STDIN, '<', '/dev/null'); open(STDOUT, '>', '/dev/null'); open(STDERR, '>', '/dev/null');
  $SIG{CHLD} = 'IGNORE'; $SIG{INT} = 'IGNORE';
  while (1) {
    accept(my $client, $listener) or next;
    my $worker = fork;
    if (defined $worker && $worker == 0) { close $listener; pass($client); exit 0; }
    close $client;
  }
}
waitpid($middle, 0);
close $listener;
if (opendir(my $open, '/proc/self/fd')) {
  for (grep { $_ > 2 } readdir $open) { my $inherited; open($inherited, '<&=', $_) and close $inherited; }
}
exec { $job[0] } @job or do { print STDERR "fairlead: cannot start $job[0]: $!\n"; exit 127; };

sub pass {
  my ($client) = @_;
  socket(my $proxy, $unix, $stream, 0) or return;
  connect($proxy, pack('S a108', $unix, $door)) or return;
  my %to = (fileno($client) => [$client, $proxy], fileno($proxy) => [$proxy, $client]);
  while (%to) {
    my $wanted = '';
    vec($wanted, $_, 1) = 1 for keys %to;
    next if select(my $ready = $wanted, undef, undef, undef) < 0;
    for my $fd (keys %to) {
      next unless vec($ready, $fd, 1);
      my ($from, $into) = @{ $to{$fd} };
      my $read = sysread($from, my $bytes, 65536);
      if (!$read) { shutdown($into, 1); delete $to{$fd}; next; }
      for (my $sent = 0; $sent < $read;) {
        my $wrote = syswrite($into, $bytes, $read - $sent, $sent);
        return unless $wrote;
        $sent += $wrote;
      }
    }
  }
}
`;
