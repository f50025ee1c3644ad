import type { FoundRoute, Mistake } from '../provider.ts'

/** What labels are read of: a container, or a task of Swarm with the labels of its service. */
export interface Container {
  readonly id: string
  /** Without a slash. */
  readonly name: string
  /** The project of Compose, or the stack of Swarm. Absent: neither. */
  readonly project?: string
  /** The service of Compose or Swarm; the name of the container without either. */
  readonly service: string
  /** When it was created, in ms since 1970. */
  readonly created: number
  readonly labels: Readonly<Record<string, string>>
  readonly environment: Readonly<Record<string, string>>
  /** The TCP ports that it exposes, ascending. */
  readonly ports: readonly number[]
}

/** A container as a server of an upstream. */
export interface DescribedServer {
  readonly container: Container
  readonly port: number
  /** The network on which it is reached. Absent: by the rules for all containers. */
  readonly network?: string
  /** In place of the address of the container. */
  readonly address?: string
  /** As the file would have them: `{ weight: 2 }`. */
  readonly settings: Readonly<Record<string, unknown>>
}

export interface DescribedUpstream {
  readonly name: string
  readonly settings: Readonly<Record<string, unknown>>
  readonly servers: readonly DescribedServer[]
  readonly where: string
}

/** What the labels of all containers describe. */
export interface Described {
  readonly upstreams: readonly DescribedUpstream[]
  readonly routes: readonly FoundRoute[]
  readonly mistakes: readonly Mistake[]
}

/** One way to write labels. It reads all containers at once, since what one says may be about what another is. */
export interface Dialect {
  readonly name: string
  read(containers: readonly Container[]): Described
}
