/** The fields of the events in the program's log: their types, and what docs/events.md says of them. */
export interface LogFields {
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

export const fieldMeanings: Readonly<Record<keyof LogFields, string>> = {
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
