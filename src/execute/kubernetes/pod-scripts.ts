/**
 * The first process of a job's container in a pod: starts the job as its child, writes what the job writes to the log that the carrier reads and, as far as it is taken, to its own
 * output for `kubectl logs`; hands on the signals that the carrier leaves as files beside the variables; and ends as the
 * job ended. For perl-base alone, which is brought along, since an image may hold nothing but one binary.
 */
export const podInitScript = String.raw`my ($door, $logs, $most, $folder, @job) = @ARGV;
if (open(my $file, '<', "$door/variables")) {
  local $/ = "\0";
  while (my $pair = <$file>) { chomp $pair; my $at = index($pair, '='); next if $at <= 0; my ($name, $value) = (substr($pair, 0, $at), substr($pair, $at + 1)); if ($name eq '+PATH') { $ENV{PATH} = "$value:$ENV{PATH}"; } else { $ENV{$name} = $value; } }
  close $file;
} else { die "fairlead: no variables: $!\n"; }
umask 0022;
open(my $log, '>>', "$logs/output") or die "fairlead: no log: $!\n";
pipe(my $reader, my $writer) or die "fairlead: no pipe: $!\n";
my $job = fork;
die "fairlead: cannot fork: $!\n" unless defined $job;
if ($job == 0) {
  close $reader; close $log;
  # One pipe, so that the order of both streams is kept.
  open(STDIN, '<', '/dev/null'); open(STDOUT, '>&', $writer); open(STDERR, '>&', $writer); close $writer;
  $| = 1;
  chdir $folder or do { print STDERR "fairlead: there is no folder $folder in this image: $!\n"; exit 127; };
  exec { $job[0] } @job or do { print STDERR "fairlead: cannot start $job[0]: $!\n"; exit 127; };
}
close $writer;
# F_GETFL, F_SETFL, O_NONBLOCK: a runtime that does not read its copy must not hold up the job.
fcntl(STDOUT, 4, fcntl(STDOUT, 3, 0) | 2048);
$SIG{PIPE} = 'IGNORE';
my ($stopped, $code, %sent) = (0);
# Somebody deletes the pod: Prow's entrypoint interrupts the job and answers 130.
my $deleted = 0;
$SIG{TERM} = sub { $deleted = 1; kill 'INT', $job; };
my $turn = 0;
until (defined $code) {
  take(0.05);
  while ((my $ended = waitpid(-1, 1)) > 0) {
    $code = ($? & 127) ? 128 + ($? & 127) : $? >> 8 if $ended == $job;
  }
  last if defined $code;
  $stopped ||= 137 if -e "$door/KILL";
  if (!$stopped && ++$turn % 5 == 0 && opendir(my $all, '/proc')) {
    my $count = grep { /^\d+$/ } readdir $all;
    closedir $all;
    if ($count > $most + 1) { $stopped = 137; tell_end("took more than its $most processes"); }
  }
  if ($stopped) { finish(); $code = $stopped; last; }
  if (!$sent{INT} && -e "$door/INT") { $sent{INT} = 1; kill 'INT', $job; }
}
1 while take(0);
close $log;
exit($deleted ? 130 : $code);

# All of the container, which is this process's own namespace; never more than the job elsewhere.
sub finish {
  for (1 .. 20) { kill 'KILL', $$ == 1 ? -1 : $job; select(undef, undef, undef, 0.01); 1 while waitpid(-1, 1) > 0; }
}

sub tell_end { if (open(my $file, '>', '/dev/termination-log')) { print $file $_[0]; close $file; } }

sub take {
  my ($wait) = @_;
  return select(undef, undef, undef, $wait) && 0 unless $reader;
  my $wanted = '';
  vec($wanted, fileno($reader), 1) = 1;
  return 0 unless select($wanted, undef, undef, $wait) > 0;
  my $read = sysread($reader, my $bytes, 65536);
  if (!$read) { close $reader; undef $reader; return 0; }
  for (my $done = 0; $done < $read;) { my $wrote = syswrite($log, $bytes, $read - $done, $done); last unless $wrote; $done += $wrote; }
  syswrite(STDOUT, $bytes);
  return 1;
}
`;

/**
 * What runs in the containers of ours beside the job, one command each:
 *
 * - `receive` puts the carried programs where the job's container finds them and waits until all it needs was unpacked;
 * - `unpack` reads a bundle from its input and lays it out;
 * - `hold` does nothing until it is ended;
 * - `follow OFFSET BYTES` writes the log from there as it grows, and says when the writable folders hold more than BYTES;
 * - `finish OFFSET NAME…` writes the rest of the log and then a bundle of the folders named;
 * - `signal NAME` leaves a signal for the job.
 *
 * A bundle is a sequence of `KIND MODE TIME SIZE LENGTH\n`, a path of LENGTH bytes and SIZE bytes of content: D a folder,
 * F a file, L a link with its target as content, E the end. What is written back comes in frames of a letter, a length
 * and bytes: L log, B bundle, X more than allowed, K still there, E all was sent.
 */
export const carrierScript = String.raw`my ($what, @rest) = @ARGV;
my ($place, $given, $work, $door, $logs) = ('/fairlead-place', '/fairlead-given', '/fairlead-work', '/fairlead-door', '/fairlead-log');
my $input = '';
$| = 1;
umask 0;
if ($what eq 'receive') { receive(); }
elsif ($what eq 'unpack') { unpack_all(@rest); }
elsif ($what eq 'hold') { $SIG{TERM} = $SIG{INT} = sub { exit 0; }; select(undef, undef, undef, 3600) while 1; }
elsif ($what eq 'follow') { follow(@rest); }
elsif ($what eq 'finish') { finish(@rest); }
elsif ($what eq 'signal') { die "no signal\n" unless $rest[0] =~ /^(INT|KILL)$/; make_file("$door/$rest[0]", ''); }
else { die "no command\n"; }
exit 0;

sub receive {
  opendir(my $ours, '/fairlead') or die "fairlead: $!\n";
  for my $name (grep { !/^\./ } readdir $ours) { copy("/fairlead/$name", "$place/$name"); }
  chmod 0755, $place;
  chmod 0777, $logs;
  $SIG{TERM} = sub { exit 1; };
  select(undef, undef, undef, 0.05) until -e "$door/received";
}

sub copy {
  my ($from, $to) = @_;
  open(my $in, '<', $from) or die "fairlead: $from: $!\n";
  open(my $out, '>', $to) or die "fairlead: $to: $!\n";
  while (sysread($in, my $bytes, 262144)) { print $out $bytes or die "fairlead: $to: $!\n"; }
  close $out or die "fairlead: $to: $!\n";
  chmod 0755, $to;
}

sub make_file { my ($path, $text) = @_; open(my $file, '>', "$path.new") or die "$path: $!\n"; print $file $text; close $file; rename "$path.new", $path or die "$path: $!\n"; }

sub need {
  my ($size) = @_;
  while (length($input) < $size) { sysread(STDIN, $input, 262144, length($input)) or die "fairlead: the bundle ends early\n"; }
}

# As another try may have left it: everything goes first.
sub unpack_all {
  my ($owner, $group) = @_;
  for my $root ($given, $work) { remove_below($root); }
  my @later;
  while (1) {
    my $end;
    until (($end = index($input, "\n")) >= 0) { sysread(STDIN, $input, 262144, length($input)) or die "fairlead: the bundle ends early\n"; }
    my ($kind, $mode, $time, $size, $length) = split / /, substr($input, 0, $end);
    substr($input, 0, $end + 1) = '';
    last if $kind eq 'E';
    need($length);
    my $path = substr($input, 0, $length);
    substr($input, 0, $length) = '';
    die "fairlead: not a path of ours\n" unless $path =~ m{^/fairlead-(given|work|door)(/|$)} && "$path/" !~ m{/\.\./};
    if ($kind eq 'D') { mkdir $path or -d $path or die "$path: $!\n"; push @later, [$path, oct $mode, $time]; }
    elsif ($kind eq 'L') { need($size); symlink(substr($input, 0, $size), $path) or die "$path: $!\n"; substr($input, 0, $size) = ''; lchown_to($owner, $group, $path); next; }
    else {
      open(my $file, '>', $path) or die "$path: $!\n";
      for (my $left = $size; $left > 0;) {
        need(1);
        my $part = $left < length($input) ? $left : length($input);
        print $file substr($input, 0, $part) or die "$path: $!\n";
        substr($input, 0, $part) = '';
        $left -= $part;
      }
      close $file or die "$path: $!\n";
      chmod oct $mode, $path;
      utime $time, $time, $path;
    }
    chown $owner, $group, $path if $owner >= 0;
  }
  for my $folder (reverse @later) { chmod $folder->[1], $folder->[0]; utime $folder->[2], $folder->[2], $folder->[0]; }
  make_file("$door/received", '');
}

# Links keep their owner, which nothing asks for; perl-base has no lchown.
sub lchown_to { }

sub remove_below {
  my ($folder) = @_;
  opendir(my $all, $folder) or return;
  for my $name (grep { !/^\.\.?$/ } readdir $all) {
    my $path = "$folder/$name";
    if (-d $path && !-l $path) { remove_below($path); rmdir $path; } else { unlink $path; }
  }
}

sub frame {
  my ($letter, $bytes) = @_;
  my $all = $letter . pack('N', length $bytes) . $bytes;
  for (my $done = 0; $done < length $all;) { my $wrote = syswrite(STDOUT, $all, length($all) - $done, $done); exit 1 unless $wrote; $done += $wrote; }
}

# O_NONBLOCK: what the job may have put in place of its log must not hold us.
sub open_log { return undef unless -f "$logs/output" && !-l "$logs/output"; sysopen(my $file, "$logs/output", 2048) or return undef; return -f $file ? $file : undef; }

sub send_log {
  my ($file, $offset) = @_;
  my $sent = 0;
  sysseek($file, $offset, 0);
  while (my $read = sysread($file, my $bytes, 262144)) { frame('L', $bytes); $sent += $read; }
  return $sent;
}

sub follow {
  my ($offset, $most) = @_;
  my ($file, $quiet, $look, $told) = (undef, 0, 0, 0);
  while (1) {
    $file ||= open_log();
    my $sent = $file ? send_log($file, $offset) : 0;
    $offset += $sent;
    $quiet = $sent ? 0 : $quiet + 1;
    if ($quiet && $quiet % 40 == 0) { frame('K', ''); }
    if (!$told && time >= $look) {
      my $began = time;
      if (bytes_below($work) > $most) { $told = 1; frame('X', 'disk'); }
      # A large tree is looked at seldom, so that looking takes little of the job's time.
      $look = time + 20 * (time - $began);
    }
    select(undef, undef, undef, $quiet < 20 ? 0.05 : 0.25);
  }
}

sub bytes_below {
  my ($root) = @_;
  my ($total, @pending) = (0, $root);
  while (defined(my $folder = pop @pending)) {
    opendir(my $all, $folder) or next;
    for my $name (readdir $all) {
      next if $name eq '.' || $name eq '..';
      my @facts = lstat "$folder/$name" or next;
      if (($facts[2] & 0170000) == 0040000) { push @pending, "$folder/$name"; } else { $total += 512 * ($facts[12] || 0); }
    }
  }
  return $total;
}

sub finish {
  my ($offset, @names) = @_;
  my $file = open_log();
  send_log($file, $offset) if $file;
  my $held = '';
  my $put = sub { $held .= $_[0]; if (length $held > 262144) { frame('B', $held); $held = ''; } };
  for my $name (@names) { bundle("$work/$name", $name, $put); }
  $put->("E 0 0 0 0\n");
  frame('B', $held);
  frame('E', '');
}

sub bundle {
  my ($path, $name, $put) = @_;
  my @facts = lstat $path or return;
  my ($kind, $mode, $time) = ($facts[2] & 0170000, $facts[2] & 0777, $facts[9]);
  my $head = sub { my ($letter, $size) = @_; $put->(sprintf("%s %o %d %d %d\n", $letter, $mode, $time, $size, length $name) . $name); };
  if ($kind == 0040000) {
    $head->('D', 0);
    opendir(my $all, $path) or return;
    for my $each (sort grep { !/^\.\.?$/ } readdir $all) { bundle("$path/$each", "$name/$each", $put); }
  } elsif ($kind == 0120000) {
    my $target = readlink $path;
    $head->('L', length $target); $put->($target);
  } elsif ($kind == 0100000) {
    sysopen(my $file, $path, 2048) or return;
    my $left = -s $file;
    $head->('F', $left);
    while ($left > 0) {
      my $read = sysread($file, my $bytes, $left < 262144 ? $left : 262144);
      # What shrank meanwhile is filled up, since its size was told.
      $bytes = "\0" x ($left < 262144 ? $left : 262144) unless $read;
      $put->($bytes); $left -= length $bytes;
    }
  }
}
`;
