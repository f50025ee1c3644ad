/** The fields of the events in the program's log: their types, and what docs/events.md says of them. */
interface Fields {
  readonly address: string
  readonly authority: string
  readonly by: string | undefined
  readonly cause: string
  readonly certificate: string
  readonly changes: readonly string[]
  readonly code: string
  readonly cookie: string
  readonly count: number
  readonly err: unknown
  readonly file: string
  readonly filter: string
  readonly from: string
  readonly generation: number
  readonly header: string
  readonly host: string
  readonly hosts: readonly string[]
  readonly instance: string
  readonly listener: string
  readonly ms: number
  readonly origin: string
  readonly output: string
  readonly pid: number
  readonly place: string | undefined
  readonly server: string
  readonly servers: number
  readonly share: number
  readonly signal: string
  readonly source: string
  readonly threshold: number
  readonly traceId: string | undefined
  readonly upstream: string
  readonly well: number
  readonly wish: 'drain' | 'ready'
  readonly worker: number
  readonly workers: number
}

export const fieldMeanings: Readonly<Record<keyof Fields, string>> = {
  address: 'the address of a client, or of a proxy before Limpet',
  authority: 'the name of a certificate authority',
  by: 'who asked for it: a token, a socket’s user, a signal, or a part of Limpet; absent if nobody did',
  cause: 'why, in words',
  certificate: 'the name of a certificate: its file, or its host',
  changes: 'what has changed, one sentence each; at most 50',
  code: 'the system’s code of an error, such as `EMFILE`',
  cookie: 'the name of a cookie',
  count: 'how many there were since the last line of this kind',
  err: 'the error: its `type`, `message` and `stack`',
  file: 'the path of a file or directory',
  filter: 'the name of a filter of a route',
  from: 'an address, or a network such as `10.1.2.0/24`',
  generation: 'the number of the configuration in effect',
  header: 'a field of a response, as the server sent it',
  host: 'the host that a certificate is for, or the host name of a server',
  hosts: 'those hosts; at most 5',
  instance: 'the name of this Limpet’s instance',
  listener: 'where a listener listens, such as `0.0.0.0 port 80`',
  ms: 'how long it took or takes, in milliseconds',
  origin: 'where the configuration comes from',
  output: 'which log or export',
  pid: 'the id of a process',
  place: 'the address or the socket of the admin API, or of a socket of systemd',
  server: 'the name of a server',
  servers: 'how many servers there are',
  share: 'a share of the requests, from 0 to 1',
  signal: 'the name of a signal',
  source: 'the name of a source of servers, such as `docker at unix:///var/run/docker.sock`',
  threshold: 'the panic threshold, in percent',
  traceId: 'the id of the request’s trace; absent if traces are not followed',
  upstream: 'the name of an upstream',
  well: 'how many servers are well',
  wish: '`drain` or `ready`',
  worker: 'the number of a worker',
  workers: 'how many workers there are',
}

export type LogLevel = 'info' | 'warn' | 'error'

/** What a line in the log is about. */
interface Definition {
  readonly level: LogLevel
  /** The fields that its lines have, in this order. */
  readonly fields: readonly (keyof Fields)[]
  /** What has happened: a sentence. */
  readonly meaning: string
  /** What the operator should do: a sentence; empty if there is nothing to do. */
  readonly action: string
}

/** The events about one subject. */
interface Chapter {
  readonly title: string
  readonly events: Readonly<Record<string, Definition>>
}

/** All events of the program's log, in the order of docs/events.md. Names are stable: alerts use them. */
export const logChapters = {
  running: {
    title: 'Start, stop and upgrade',
    events: {
      listening: {
        level: 'info',
        fields: ['listener'],
        meaning: 'Clients can connect to this listener.',
        action: '',
      },
      'admin-listening': {
        level: 'info',
        fields: ['place'],
        meaning: 'The admin API answers here.',
        action: '',
      },
      'metrics-listening': {
        level: 'info',
        fields: ['place'],
        meaning: 'Metrics are served here, and nothing else.',
        action: '',
      },
      'admin-not-listening': {
        level: 'info',
        fields: ['place', 'cause'],
        meaning: 'The admin API does not answer on its standard socket.',
        action: 'If you need it, see the cause, or set `admin`.',
      },
      started: {
        level: 'info',
        fields: ['workers', 'origin'],
        meaning: 'Every worker serves.',
        action: '',
      },
      'signal-ignored': {
        level: 'warn',
        fields: ['signal'],
        meaning: 'A signal to replace the program came before the start was over.',
        action: 'Send it again once Limpet has started.',
      },
      stopping: {
        level: 'info',
        fields: ['signal'],
        meaning: 'Limpet finishes the requests in flight and ends.',
        action: '',
      },
      'upgrade-started': {
        level: 'info',
        fields: ['by'],
        meaning: 'The program on the disk is started, to replace this one.',
        action: '',
      },
      upgraded: {
        level: 'info',
        fields: ['pid'],
        meaning: 'Another process serves in place of this one, which ends with its last connection.',
        action: '',
      },
      'upgrade-failed': {
        level: 'error',
        fields: ['cause'],
        meaning: 'The new program did not come up. This one continues.',
        action: 'See the cause and the lines of the new process, and try again.',
      },
      'systemd-not-told': {
        level: 'warn',
        fields: ['cause'],
        meaning: 'systemd could not be told that Limpet is ready, or stops.',
        action: 'Set `NotifyAccess=all` in the unit, and make sure that systemd-notify is installed.',
      },
      'socket-unused': {
        level: 'warn',
        fields: ['place'],
        meaning: 'systemd has passed a socket that no listener of the configuration belongs to.',
        action: 'Give the socket unit and the configuration the same addresses and ports.',
      },
      'worker-died': {
        level: 'error',
        fields: ['worker', 'ms', 'cause'],
        meaning: 'A worker has died, and its connections are lost. Another one takes its place.',
        action: 'If it ran out of memory, give it more; else report it as a bug, with the cause.',
      },
      bug: {
        level: 'error',
        fields: ['err'],
        meaning: 'The admin API failed in a way that it should not.',
        action: 'Report it, with this line.',
      },
    },
  },
  configuration: {
    title: 'Configuration',
    events: {
      applied: {
        level: 'info',
        fields: ['generation', 'by', 'changes'],
        meaning: 'A change of the configuration is in effect in every worker.',
        action: '',
      },
      unchanged: {
        level: 'info',
        fields: ['by'],
        meaning: 'The file was read again, and says the same as before.',
        action: '',
      },
      'reload-refused': {
        level: 'error',
        fields: ['by'],
        meaning: 'The file was read again and is not used: the configuration stays as it is.',
        action: 'See the `config-problem` lines that follow.',
      },
      'config-problem': {
        level: 'error',
        fields: ['by'],
        meaning: 'A line about what is wrong with the file that was refused.',
        action: 'Correct it; `limpet check` shows the same.',
      },
      'config-warning': {
        level: 'warn',
        fields: [],
        meaning: 'A setting is valid, and probably a mistake.',
        action: 'Do what the message says.',
      },
      'change-conflict': {
        level: 'warn',
        fields: [],
        meaning:
          'A change that an operator has made at run time contradicts the file, or what sources have found, by now.',
        action: 'Reset the change, or correct the file.',
      },
      'replacement-invalid': {
        level: 'warn',
        fields: ['by', 'cause'],
        meaning: 'The configuration that an operator has put in place of the file is invalid by now. The file is used.',
        action: 'Put a valid one in place, or reset it.',
      },
      banned: {
        level: 'info',
        fields: ['from', 'by'],
        meaning: 'Requests from an address or a network are refused for a time.',
        action: '',
      },
      'ban-ended': {
        level: 'info',
        fields: ['from', 'by'],
        meaning: 'They are served again; `by` is absent if the time was over.',
        action: '',
      },
      'pause-not-ended': {
        level: 'error',
        fields: ['cause'],
        meaning: 'A pause is over, and the configuration still has it. Requests pass all the same.',
        action: 'Resume the upstream with `limpet resume`.',
      },
    },
  },
  servers: {
    title: 'Servers',
    events: {
      'server-down': {
        level: 'warn',
        fields: ['upstream', 'server', 'cause'],
        meaning: 'A server fails its checks, and gets no requests.',
        action: 'Look at the server.',
      },
      'server-up': {
        level: 'info',
        fields: ['upstream', 'server', 'cause'],
        meaning: 'A server passes its checks, and gets requests.',
        action: '',
      },
      'server-suspended': {
        level: 'warn',
        fields: ['upstream', 'server', 'ms', 'cause', 'traceId'],
        meaning: 'Requests to a server failed, and it gets none for a while.',
        action: 'Look at the server.',
      },
      'server-resumed': {
        level: 'info',
        fields: ['upstream', 'server'],
        meaning: 'A suspended server has answered a request.',
        action: '',
      },
      'server-ejected': {
        level: 'warn',
        fields: ['upstream', 'server', 'ms', 'cause'],
        meaning: 'A server answers worse than the others, and gets no requests for a while.',
        action: 'Look at the server.',
      },
      'server-readmitted': {
        level: 'info',
        fields: ['upstream', 'server'],
        meaning: 'The ejection of a server is over.',
        action: '',
      },
      panic: {
        level: 'warn',
        fields: ['upstream', 'well', 'servers', 'threshold'],
        meaning: 'So few servers are well that all of them are used.',
        action: 'Bring servers back, or add some.',
      },
      'panic-over': {
        level: 'info',
        fields: ['upstream', 'well', 'servers'],
        meaning: 'Enough servers are well again.',
        action: '',
      },
      'server-tls-failed': {
        level: 'warn',
        fields: ['upstream', 'server', 'count', 'cause'],
        meaning: 'No connection to a server could be opened by TLS.',
        action: 'Compare the server’s certificate with the upstream’s `tls`.',
      },
      'own-cookie-set': {
        level: 'warn',
        fields: ['upstream', 'server', 'cookie'],
        meaning: 'A server sets a cookie with the name of Limpet’s own.',
        action: 'If there is another Limpet behind this one, give one of them another instance.',
      },
      'header-unknown': {
        level: 'warn',
        fields: ['upstream', 'server', 'header', 'count'],
        meaning: 'A server has sent a header for Limpet whose value means nothing.',
        action: 'Correct the application.',
      },
      'server-asks': {
        level: 'info',
        fields: ['upstream', 'server', 'wish'],
        meaning: 'A server asks to be drained, or for new sessions again.',
        action: '',
      },
      'server-wish-refused': {
        level: 'warn',
        fields: ['upstream', 'server', 'wish', 'cause'],
        meaning: 'What a server asks for cannot be done.',
        action: 'See the cause.',
      },
      'host-not-found': {
        level: 'warn',
        fields: ['host', 'cause'],
        meaning: 'The host name of a server could not be looked up. Addresses that were found before stay in effect.',
        action: 'Correct the name, or see why its DNS server fails: the message names it.',
      },
      'host-found': {
        level: 'info',
        fields: ['host'],
        meaning: 'The host name of a server was looked up again after a failure.',
        action: '',
      },
      'hosts-not-applied': {
        level: 'error',
        fields: ['cause'],
        meaning: 'Other addresses of host names could not be put into effect.',
        action: 'See the cause, and reload.',
      },
      shortage: {
        level: 'warn',
        fields: ['code'],
        meaning: 'This process or machine runs short of file descriptors, ports or memory.',
        action: 'Raise the limit that the message names.',
      },
      'storage-failed': {
        level: 'error',
        fields: ['cause', 'count'],
        meaning:
          'Bodies that `bufferRequest` or `bufferResponse` keeps could not be written to the disk, or be read again.',
        action: 'Make room, or set `TMPDIR` to a folder that has some.',
      },
      'filter-failed': {
        level: 'error',
        fields: ['filter', 'cause', 'count'],
        meaning:
          'A filter of a route has failed in a way that it should not: its requests got a 500, or their responses were cut off.',
        action: 'This is a bug: please report it, with the cause.',
      },
    },
  },
  sources: {
    title: 'Sources of servers',
    events: {
      'source-failing': {
        level: 'warn',
        fields: ['source', 'cause'],
        meaning:
          'A source of servers cannot be reached or understood. The servers that it found before stay, and it is tried again.',
        action: 'See the cause, and `limpet discover`.',
      },
      'source-recovered': {
        level: 'info',
        fields: ['source'],
        meaning: 'A source answers again.',
        action: '',
      },
      'source-mistake': {
        level: 'warn',
        fields: ['source', 'cause'],
        meaning: 'A source has found something that cannot be used. The rest is.',
        action: 'Fix it where the cause says.',
      },
      'found-not-applied': {
        level: 'error',
        fields: ['by', 'cause'],
        meaning: 'What sources have found cannot be put into effect. What is in effect stays.',
        action: 'See the cause. It is tried again when a source finds something else.',
      },
    },
  },
  drains: {
    title: 'Drains and sessions',
    events: {
      'drain-started': {
        level: 'info',
        fields: ['upstream', 'server'],
        meaning: 'A server gets no new sessions.',
        action: '',
      },
      'drain-ended': {
        level: 'info',
        fields: ['upstream', 'server', 'ms'],
        meaning: 'A server that drains is empty.',
        action: '',
      },
      'drain-deadline': {
        level: 'warn',
        fields: ['upstream', 'server', 'ms', 'count'],
        meaning: 'The deadline of a drain has come with so many sessions left.',
        action: 'If they should not have been moved or refused, allow more time.',
      },
      'drain-failed': {
        level: 'error',
        fields: ['upstream', 'server', 'cause'],
        meaning: 'What was to happen at the end of a drain could not be done.',
        action: 'Do it by hand with `limpet maintenance` or `limpet remove`.',
      },
      'sessions-over': {
        level: 'info',
        fields: ['upstream', 'server', 'count'],
        meaning: 'A server that drains says that sessions are over.',
        action: '',
      },
      'sessions-restored': {
        level: 'info',
        fields: ['count'],
        meaning: 'The sessions of an earlier run are known again.',
        action: '',
      },
      skew: {
        level: 'warn',
        fields: ['upstream', 'server', 'from', 'share'],
        meaning: 'An address or a network sends more requests than one server should get.',
        action: 'If users share it, tell them apart by a cookie: docs/skew.md.',
      },
      'skew-over': {
        level: 'info',
        fields: ['upstream', 'server', 'from', 'share'],
        meaning: 'That has ended.',
        action: '',
      },
    },
  },
  clients: {
    title: 'Clients',
    events: {
      'connection-refused': {
        level: 'warn',
        fields: ['listener', 'address', 'count', 'cause'],
        meaning: 'Connections were closed since there were too many, or no PROXY header said whose they are.',
        action: 'See the cause.',
      },
      'handshake-failed': {
        level: 'info',
        fields: ['listener', 'address', 'count', 'cause'],
        meaning: 'TLS handshakes of clients have failed. Any scanner causes it.',
        action: '',
      },
      'scheme-ignored': {
        level: 'warn',
        fields: ['address', 'count'],
        meaning: 'A peer that is not trusted says that its client came by HTTPS.',
        action: 'If it is your own proxy, add it to `trustedProxies`.',
      },
    },
  },
  keys: {
    title: 'Keys of tokens',
    events: {
      'keys-fetched': {
        level: 'info',
        fields: ['source', 'count'],
        meaning:
          'The keys by which the filter `jwt` verifies tokens were fetched, for the first time or after a failure.',
        action: '',
      },
      'keys-not-fetched': {
        level: 'warn',
        fields: ['source', 'cause'],
        meaning:
          'The keys by which the filter `jwt` verifies tokens could not be fetched. Those that were fetched last stay in effect.',
        action: 'See the cause.',
      },
      'keys-not-applied': {
        level: 'error',
        fields: ['cause'],
        meaning: 'Other keys of tokens could not be put into effect.',
        action: 'See the cause, and reload.',
      },
    },
  },
  certificates: {
    title: 'Certificates',
    events: {
      'certificate-expiring': {
        level: 'warn',
        fields: ['certificate'],
        meaning: 'A certificate ends within 14 days, or a third of its lifetime.',
        action: 'Renew it.',
      },
      'certificate-urgent': {
        level: 'error',
        fields: ['certificate'],
        meaning: 'A certificate ends within 3 days, or a tenth of its lifetime, or has ended.',
        action: 'Renew it now.',
      },
      'certificate-warning': {
        level: 'warn',
        fields: [],
        meaning: 'A certificate or a key can be used, and something is wrong with it.',
        action: 'Do what the message says.',
      },
      'certificate-file-unusable': {
        level: 'warn',
        fields: ['file', 'cause'],
        meaning: 'A changed file cannot be used. What it held before stays in effect.',
        action: 'Correct the file.',
      },
      'certificates-not-applied': {
        level: 'error',
        fields: ['cause'],
        meaning: 'Renewed certificates could not be put into effect.',
        action: 'See the cause, and reload.',
      },
      'certificate-missing': {
        level: 'warn',
        fields: ['hosts', 'count'],
        meaning: 'Hosts have no certificate yet. Clients get one that they do not trust.',
        action: 'If it lasts, see the `certificate-not-obtained` lines.',
      },
      'certificate-obtained': {
        level: 'info',
        fields: ['host', 'authority'],
        meaning: 'A certificate was obtained or renewed by ACME.',
        action: '',
      },
      'certificate-not-obtained': {
        level: 'warn',
        fields: ['host', 'cause', 'ms'],
        meaning: 'A certificate could not be obtained or renewed. It is tried again after `ms`.',
        action: 'See the cause.',
      },
      'certificate-not-renewed': {
        level: 'error',
        fields: ['host', 'cause', 'ms'],
        meaning: 'The same, of a certificate with less than a sixth of its lifetime left.',
        action: 'See the cause now.',
      },
      'certificate-not-kept': {
        level: 'warn',
        fields: ['host', 'cause'],
        meaning: 'A certificate was obtained, and cannot be written to the state directory.',
        action: 'Set `stateDirectory` to a directory that can be written.',
      },
      'certificate-renewal-asked': {
        level: 'info',
        fields: ['host', 'authority'],
        meaning: 'The authority wants a certificate to be renewed now.',
        action: '',
      },
      'certificate-not-awaited': {
        level: 'warn',
        fields: ['host', 'count'],
        meaning: 'Clients got no certificate on demand, since too many wait for theirs.',
        action: 'If the hosts are yours, name them in routes.',
      },
      'certificate-not-allowed': {
        level: 'warn',
        fields: ['cause'],
        meaning:
          'Hosts get no certificate on demand, since there is no room or the program that allows it did not answer.',
        action: 'See the cause.',
      },
      'acme-account-registered': {
        level: 'info',
        fields: ['authority'],
        meaning: 'An account with a certificate authority was registered.',
        action: '',
      },
      'acme-account-replaced': {
        level: 'warn',
        fields: ['authority', 'cause'],
        meaning: 'The account with an authority cannot be used any more. Another is registered.',
        action: '',
      },
      'acme-record-left': {
        level: 'warn',
        fields: ['host', 'cause'],
        meaning: 'The command that sets DNS records could not remove one.',
        action: 'Remove the record `_acme-challenge` of the host.',
      },
      'acme-failed': {
        level: 'error',
        fields: ['cause'],
        meaning: 'No certificates are obtained by ACME.',
        action: 'See the cause, and restart.',
      },
    },
  },
  state: {
    title: 'State directory',
    events: {
      'state-unreadable': {
        level: 'warn',
        fields: ['file', 'cause'],
        meaning: 'A file of the state directory cannot be read, and is not used.',
        action: 'Let the user that Limpet runs as read it.',
      },
      'state-not-written': {
        level: 'warn',
        fields: ['file', 'cause'],
        meaning: 'A file cannot be written, and what it was for is lost at a restart.',
        action: 'Set `stateDirectory` to a directory that can be written.',
      },
      'state-not-removed': {
        level: 'warn',
        fields: ['file', 'cause'],
        meaning: 'A file that is not needed any more cannot be removed or renamed.',
        action: 'Remove it.',
      },
      'state-not-understood': {
        level: 'warn',
        fields: ['file'],
        meaning: 'A file does not hold what it should, and is not used.',
        action: 'Restore it from a backup, if something is missing; else remove it.',
      },
      'secret-replaced': {
        level: 'warn',
        fields: ['file'],
        meaning: 'The secret of this machine was too short, and is another one now.',
        action: 'Give the other replicas the same.',
      },
      'secret-not-shared': {
        level: 'warn',
        fields: [],
        meaning: 'Session cookies are signed with a secret that no other replica has.',
        action: 'If there are replicas, set `secrets`.',
      },
      'instance-shared': {
        level: 'warn',
        fields: ['instance'],
        meaning: 'Another Limpet uses the state directory under the same instance.',
        action: 'Unless this one is to replace it, give one of them another instance.',
      },
      'instance-unnamed': {
        level: 'warn',
        fields: ['instance'],
        meaning: 'The listeners have changed, and the next run could have another name.',
        action: 'Set `instance` to this one.',
      },
    },
  },
  outputs: {
    title: 'Logs and exports',
    events: {
      'output-slow': {
        level: 'warn',
        fields: ['output'],
        meaning: 'Lines or spans are dropped, since they are not taken fast enough.',
        action: 'Look at the disk, the reader or the collector.',
      },
      'output-broken': {
        level: 'warn',
        fields: ['output', 'cause'],
        meaning: 'Lines or spans cannot be written.',
        action: 'See the cause.',
      },
      'output-restored': {
        level: 'warn',
        fields: ['output', 'count'],
        meaning: 'They are written again. So many were dropped.',
        action: '',
      },
      'output-ended': {
        level: 'warn',
        fields: ['output', 'count'],
        meaning: 'The output is closed. So many were dropped since the start.',
        action: '',
      },
      'output-not-reopened': {
        level: 'warn',
        fields: ['output', 'cause'],
        meaning: 'A log cannot be reopened after its rotation, and continues in the old file.',
        action: 'See the cause, and send USR1 again.',
      },
    },
  },
} as const satisfies Readonly<Record<string, Chapter>>

type Chapters = typeof logChapters
type Events = UnionToIntersection<Chapters[keyof Chapters]['events']>
type UnionToIntersection<Union> = (Union extends unknown ? (each: Union) => void : never) extends (
  all: infer All,
) => void
  ? All
  : never

/** The name of an event. */
export type LogEventName = keyof Events

/** An event of that level, with its fields. */
export type LogEvent<Level extends LogLevel = LogLevel> = {
  [Name in LogEventName]: Events[Name] extends { level: Level; fields: readonly (infer Field extends keyof Fields)[] }
    ? { readonly event: Name } & Pick<Fields, Field>
    : never
}[LogEventName]
