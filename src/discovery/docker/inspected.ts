import { z } from 'zod'
import type { Container } from './container.ts'

/** A container as the engine knows it now. */
export interface Inspected extends Container {
  /** `away`: it is starting, restarting or paused. `gone`: it does not run. */
  readonly state: 'ready' | 'away' | 'down' | 'gone'
  /** In ms since 1970. */
  readonly started: number
  /** The signal that stops it, where its image names one. */
  readonly stopSignal?: string
  /** `host`, `none`, `container:ID`, or anything else. */
  readonly networkMode: string
  /** The networks on which it has an address, by name. */
  readonly networks: readonly { readonly name: string; readonly address: string }[]
  /** Whether somebody has started it by `docker compose run`, beside those that serve. */
  readonly isOneOff: boolean
}

const texts = z.record(z.string(), z.string()).nullish()

const Answer = z.object({
  Id: z.string(),
  Name: z.string(),
  Created: z.string(),
  State: z.object({
    Status: z.string(),
    StartedAt: z.string().nullish(),
    Health: z.object({ Status: z.string() }).nullish(),
  }),
  HostConfig: z.object({ NetworkMode: z.string().nullish() }).nullish(),
  Config: z.object({
    Labels: texts,
    Env: z.array(z.string()).nullish(),
    ExposedPorts: z.record(z.string(), z.unknown()).nullish(),
    StopSignal: z.string().nullish(),
  }),
  NetworkSettings: z.object({
    Networks: z
      .record(z.string(), z.object({ IPAddress: z.string().nullish(), GlobalIPv6Address: z.string().nullish() }))
      .nullish(),
    Ports: z.record(z.string(), z.unknown()).nullish(),
  }),
})

/** @throws Error where it is not what an engine answers */
export function inspected(answer: unknown): Inspected {
  const read = Answer.safeParse(answer)
  if (!read.success) {
    const [issue] = read.error.issues
    throw new Error(`its answer about a container is not what a Docker engine answers, at ${issue?.path.join('.')}`)
  }
  const { Id, Name, Created, State, HostConfig, Config, NetworkSettings } = read.data
  const name = Name.replace(/^\//, '')
  const labels = Config.Labels ?? {}
  const project = labels['com.docker.compose.project']
  return {
    id: Id,
    name,
    ...(project !== undefined && { project }),
    service: labels['com.docker.compose.service'] ?? name,
    created: Date.parse(Created) || 0,
    started: Date.parse(State.StartedAt ?? '') || 0,
    labels,
    environment: Object.fromEntries((Config.Env ?? []).map(variable)),
    ports: portsOf({ ...Config.ExposedPorts, ...NetworkSettings.Ports }),
    state: stateOf(State.Status, State.Health?.Status),
    ...(Config.StopSignal ? { stopSignal: Config.StopSignal } : {}),
    networkMode: HostConfig?.NetworkMode ?? '',
    networks: Object.entries(NetworkSettings.Networks ?? {})
      .map(([name, { IPAddress, GlobalIPv6Address }]) => ({ name, address: IPAddress || GlobalIPv6Address || '' }))
      .filter(({ address }) => address !== '')
      .toSorted((one, other) => (one.name < other.name ? -1 : 1)),
    isOneOff: labels['com.docker.compose.oneoff']?.toLowerCase() === 'true',
  }
}

function stateOf(status: string, health: string | undefined): Inspected['state'] {
  if (status === 'paused' || status === 'restarting') return 'away'
  if (status !== 'running') return 'gone'
  if (health === 'unhealthy') return 'down'
  return health === 'starting' ? 'away' : 'ready'
}

function variable(text: string): [string, string] {
  const end = text.indexOf('=')
  return end < 0 ? [text, ''] : [text.slice(0, end), text.slice(end + 1)]
}

/** The TCP ports of `{ '80/tcp': … }`, ascending. */
function portsOf(ports: Readonly<Record<string, unknown>>): number[] {
  const numbers = Object.keys(ports).flatMap((port) => (/^\d+\/tcp$/.test(port) ? [Number.parseInt(port, 10)] : []))
  return numbers.toSorted((one, other) => one - other)
}
