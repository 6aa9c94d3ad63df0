/**
 * The first process of a job's container: passes connections to the egress proxy, starts the job as its child, hands
 * signals on to it (a first process of a container ignores those it has no handler for), reaps what is left to it, and
 * ends as the job ended. Written for perl-base alone, which is brought along with the libraries that it needs, since an
 * image may hold nothing but one binary. Variables of the job come from a file, so that no value stands on a command line
 * or is kept by the engine.
 */
export const initScript = String.raw`my ($port, $door, $variables, $folder, @job) = @ARGV;
my ($unix, $inet, $stream) = (1, 2, 1);
if (open(my $file, '<', $variables)) {
  local $/ = "\0";
  while (my $pair = <$file>) { chomp $pair; my $at = index($pair, '='); next if $at <= 0; my ($name, $value) = (substr($pair, 0, $at), substr($pair, $at + 1)); if ($name eq '+PATH') { $ENV{PATH} = "$value:$ENV{PATH}"; } else { $ENV{$name} = $value; } }
  close $file;
} else { die "fairlead: no variables: $!\n"; }
if ($port > 0) {
  socket(my $listener, $inet, $stream, 0) or die "fairlead: no socket: $!\n";
  bind($listener, pack('S n C4 x8', $inet, $port, 127, 0, 0, 1)) or die "fairlead: no loopback port: $!\n";
  listen($listener, 128) or die "fairlead: cannot listen: $!\n";
  my $server = fork;
  die "fairlead: cannot fork: $!\n" unless defined $server;
  if ($server == 0) {
    open(STDIN, '<', '/dev/null'); open(STDOUT, '>', '/dev/null'); open(STDERR, '>', '/dev/null');
    $SIG{CHLD} = 'IGNORE'; $SIG{INT} = 'IGNORE';
    while (1) {
      accept(my $client, $listener) or next;
      my $worker = fork;
      if (defined $worker && $worker == 0) { close $listener; pass($client); exit 0; }
      close $client;
    }
  }
  close $listener;
}
my $job = fork;
die "fairlead: cannot fork: $!\n" unless defined $job;
if ($job == 0) {
  # One pipe, so that the order of both streams is kept.
  open(STDIN, '<', '/dev/null'); open(STDERR, '>&STDOUT');
  chdir $folder or do { print STDERR "fairlead: there is no folder $folder in this image: $!\n"; exit 127; };
  exec { $job[0] } @job or do { print STDERR "fairlead: cannot start $job[0]: $!\n"; exit 127; };
}
$SIG{INT} = sub { kill 'INT', $job };
$SIG{TERM} = sub { kill 'TERM', $job };
while (1) {
  my $ended = waitpid(-1, 0);
  next if $ended != $job;
  exit(($? & 127) ? 128 + ($? & 127) : $? >> 8);
}

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
