import type { Balancer } from './balancer.ts'
import type { Crowd } from './crowd.ts'
import type { Fleet } from './fleet.ts'

/** The environment of an event. */
export interface Stage {
  readonly fleet: Fleet
  readonly balancer: Balancer
  readonly crowd: Crowd
  /** Starts a second balancer that shares only the servers and the secret. */
  startReplica(): Promise<Balancer>
}

/** A change while users make requests, in one step or several. */
export interface Event {
  readonly name: string
  readonly steps: readonly Step[]
  /** The server that is lost: its users have to move, and only the others count as kept or moved. */
  readonly loses?: string
}

export interface Step {
  readonly title: string
  /** Resolves when the change is complete. Later requests of users count as after it. */
  happen(stage: Stage): Promise<void>
}

export const SERVERS = ['a', 'b', 'c', 'd']
/** The maximum time until a balancer uses a new server, in ms. */
const RETURN_TIMEOUT = 30_000

/** All events, in the order of the report's columns. */
export const events: readonly Event[] = [
  {
    name: 'restart',
    steps: [{ title: 'restarted', happen: ({ balancer, fleet }) => balancer.restart(fleet.places) }],
  },
  {
    name: 'added',
    steps: [
      {
        title: 'a server added',
        async happen({ balancer, fleet, crowd }) {
          await fleet.start('e')
          await balancer.restart(fleet.places)
          await untilServing(fleet.instanceOf('e'), crowd)
        },
      },
    ],
  },
  {
    name: 'killed',
    loses: 'b',
    steps: [
      { title: 'a server killed', happen: ({ fleet }) => fleet.kill('b') },
      {
        title: 'and back',
        async happen({ fleet, crowd }) {
          await fleet.start('b')
          await untilServing(fleet.instanceOf('b'), crowd)
        },
      },
    ],
  },
  {
    name: 'moved',
    steps: [
      {
        title: 'a server at a new address',
        async happen({ balancer, fleet, crowd }) {
          const endFormer = await fleet.startElsewhere('c')
          await balancer.restart(fleet.places, endFormer)
          await untilServing(fleet.instanceOf('c'), crowd)
        },
      },
    ],
  },
  {
    name: 'addresses',
    steps: [{ title: 'users at new addresses', happen: async ({ crowd }) => crowd.changeAddresses() }],
  },
  {
    name: 'replica',
    steps: [
      {
        title: 'a second replica',
        async happen({ crowd, startReplica }) {
          const { port } = await startReplica()
          crowd.goTo(port)
        },
      },
    ],
  },
]

/** Sends new users until one is served by that process, which shows that the balancer uses it. */
async function untilServing(instance: string, crowd: Crowd): Promise<void> {
  const deadline = performance.now() + RETURN_TIMEOUT
  while (performance.now() < deadline) {
    const { answer } = await crowd.newcomer()
    if (answer?.instance === instance) return
  }
  throw new Error(`${instance} got no request within ${RETURN_TIMEOUT / 1000} s`)
}
