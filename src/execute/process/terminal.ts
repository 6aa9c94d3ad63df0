/**
 * Runs its arguments on a terminal of their own: the first process below it leads a session whose controlling terminal is
 * a fresh pair, so that nothing inside ever holds the terminal of whoever looks on (no TIOCSTI reaches it). What is typed
 * comes on stdin in frames, since a pipe has no window size: `d`, length, bytes; `w`, rows, columns (16 bit, big endian).
 * Its end hangs up, as a closed terminal does. What is typed waits while the terminal takes no more, so that a long paste
 * whose echo fills the other direction holds up neither. Perl with POSIX, because perl-base is on every Debian.
 */
export const terminalScript = String.raw`use POSIX ();
my @job = @ARGV;
open(my $master, '+<', '/dev/ptmx') or die "fairlead: no terminal: $!\n";
my ($unlocked, $number) = (pack('i', 0), pack('i', 0));
ioctl($master, 0x40045431, $unlocked) or die "fairlead: no terminal: $!\n";
ioctl($master, 0x80045430, $number) or die "fairlead: no terminal: $!\n";
my $slave = '/dev/pts/' . unpack('i', $number);
my $child = fork;
die "fairlead: cannot fork: $!\n" unless defined $child;
if ($child == 0) {
  POSIX::setsid();
  open(my $terminal, '+<', $slave) or die "fairlead: no terminal: $!\n";
  ioctl($terminal, 0x540E, 0);
  open(STDIN, '<&', $terminal); open(STDOUT, '>&', $terminal); open(STDERR, '>&', $terminal);
  close $terminal; close $master;
  $SIG{INT} = 'DEFAULT';
  exec { $job[0] } @job or do { print STDERR "fairlead: cannot start $job[0]: $!\n"; exit 127; };
}
$SIG{INT} = 'IGNORE';
my $flags = O_RDWR | O_NONBLOCK;
fcntl($master, F_SETFL, $flags);
my ($framed, $typed, $open, $most) = ('', '', 1, 65536);
while (1) {
  my ($ready, $room) = ('', '');
  vec($ready, fileno($master), 1) = 1;
  vec($ready, fileno(STDIN), 1) = $open && length($typed) < $most ? 1 : 0;
  vec($room, fileno($master), 1) = length($typed) ? 1 : 0;
  next if select($ready, $room, undef, undef) < 0;
  if (vec($ready, fileno($master), 1)) {
    my $read = sysread($master, my $bytes, $most);
    last unless $read || (!defined $read && ($! == EAGAIN || $! == EINTR));
    for (my $sent = 0; $sent < ($read || 0);) {
      my $wrote = syswrite(STDOUT, $bytes, $read - $sent, $sent);
      last unless $wrote;
      $sent += $wrote;
    }
  }
  if (length($typed) && vec($room, fileno($master), 1)) {
    my $wrote = syswrite($master, $typed);
    substr($typed, 0, $wrote) = '' if $wrote;
  }
  if ($open && vec($ready, fileno(STDIN), 1)) {
    my $read = sysread(STDIN, my $bytes, $most);
    if (!$read) { $open = 0; kill 'HUP', $child; next; }
    $framed .= $bytes;
    while (length($framed) >= 3) {
      my ($kind, $first) = unpack('a n', $framed);
      if ($kind eq 'w') {
        last if length($framed) < 5;
        my $columns = unpack('n', substr($framed, 3, 2));
        my $size = pack('S4', $first, $columns, 0, 0);
        ioctl($master, 0x5414, $size);
        $framed = substr($framed, 5);
      } else {
        last if length($framed) < 3 + $first;
        $typed .= substr($framed, 3, $first);
        $framed = substr($framed, 3 + $first);
      }
    }
  }
}
waitpid($child, 0);
exit(($? & 127) ? 128 + ($? & 127) : $? >> 8);
`;
