/** Something that a source has found and that cannot be used. */
export interface SourceMistake {
  readonly where: string
  readonly message: string
  readonly hint?: string | undefined
}

/** A source of servers, and how it is. */
export interface SourceSummary {
  /** The upstream whose servers it finds; null where labels name the upstreams. */
  readonly upstream: string | null
  /** Its kind: `docker`. */
  readonly source: string
  /** As messages call it: `docker at unix:///var/run/docker.sock`. */
  readonly name: string
  /** waiting: it has not answered yet. failing: it cannot be reached or understood, and what it found before still holds. */
  readonly state: 'waiting' | 'ok' | 'failing'
  /** How many servers it has found. */
  readonly servers: number
  /** Since when it is in that state, in ms since 1970. */
  readonly since: number
  /** When it last answered, in ms since 1970; undefined if it never has. */
  readonly lastSuccess: number | undefined
  /** Why it fails; undefined where it does not. */
  readonly error: string | undefined
  readonly mistakes: readonly SourceMistake[]
}
