/** A server as a source sees it. */
export interface FoundServer {
  /** Its identity in sessions: stays where the server is replaced by another of the same place, and is unique in its list. */
  readonly id: string
  /** What logs call it, unique in its list. */
  readonly name: string
  /** `host:port`, with an IPv6 address in brackets, or `unix:/path`. */
  readonly address: string
  /**
   * `drain`: it has been asked to stop, and serves the sessions that it has. `away`: it will be back, or is starting: it gets no requests,
   * and its sessions stay its own. `down`: it is not well. Default: `ready`.
   */
  readonly state?: 'ready' | 'drain' | 'away' | 'down'
  /** Other settings of the server, as the file would have them: `{ weight: 2, backup: true, slowStart: '10s' }`. */
  readonly settings?: Readonly<Record<string, unknown>>
  /** Another one is another process under the same identity, even at the same address. Absent: only a move or an absence shows that. */
  readonly incarnation?: string
}

/** Something that a source has found and that cannot be used: the rest of what it has found can. */
export interface Mistake {
  /** Where: `container web-1: label limpet.port`, `/etc/limpet/app.yaml:3:5`. */
  readonly where: string
  /** What: `expected a port from 1 to 65535, found "http"`. */
  readonly message: string
  readonly hint?: string | undefined
}

/** All servers that a source sees now, for one upstream. */
export interface ServerList {
  readonly servers: readonly FoundServer[]
  readonly mistakes: readonly Mistake[]
  /** Whether it must take effect at once, since a server has been asked to stop. */
  readonly isUrgent?: boolean
}

/** A route as a source describes it, as the file would have it, without its upstream. */
export interface FoundRoute {
  readonly upstream: string
  readonly settings: Readonly<Record<string, unknown>>
  /** Where it was found, for messages: `container web-1`. */
  readonly where: string
}

export interface FoundUpstream {
  readonly name: string
  /** Settings of the upstream, as the file would have them, without its servers. */
  readonly settings: Readonly<Record<string, unknown>>
  readonly servers: readonly FoundServer[]
  /** Where its settings were found, for messages. */
  readonly where: string
}

/** All that labels describe: upstreams, their servers, and the routes to them. */
export interface Landscape {
  readonly upstreams: readonly FoundUpstream[]
  readonly routes: readonly FoundRoute[]
  readonly mistakes: readonly Mistake[]
  readonly isUrgent?: boolean
}

/** One place where servers are found. */
export interface Provider<Found = ServerList> {
  /** As messages call it: `docker at unix:///var/run/docker.sock`, `dns app.example.org`. */
  readonly name: string
  /**
   * Yields all that there is now, and again whenever it is something else. Ends once the signal is aborted, and closes what it has
   * opened. Whoever watches waits, longer each time, and watches again where it throws.
   *
   * @throws Error with what is wrong and how to fix it, where the source cannot be reached or understood
   */
  watch(signal: AbortSignal): AsyncIterable<Found>
  /**
   * After `watch` has thrown: resolves once there is something else to look at, so that watching again need not wait any longer.
   * Also resolves when the signal is aborted. A provider that cannot know has none.
   */
  changed?(signal: AbortSignal): Promise<void>
}
