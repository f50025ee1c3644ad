import type { Balancer } from './balancer.ts'
import type { Operations } from './contender.ts'
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
  /** Steps of the same title count together. */
  readonly steps: readonly Step[]
  /** What is done to the running balancer, if it can do that. Its users never try again: whatever is refused or closed has failed. */
  readonly operation?: keyof Operations
}

export interface Step {
  readonly title: string
  /** The server that is lost: its users have to move, and only the others count as kept or moved. */
  readonly loses?: string
  /** Whether users count from where they are at the beginning of this step, not of the event. */
  readonly settles?: boolean
  /** Resolves when the change is complete. Later requests of users count as after it. */
  happen(stage: Stage): Promise<void>
}

export const SERVERS = ['a', 'b', 'c', 'd']
/** How many new users show that a server gets none. */
const NEWCOMERS = 16
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
    steps: [
      { title: 'a server killed', loses: 'b', happen: ({ fleet }) => fleet.kill('b') },
      {
        title: 'and back',
        loses: 'b',
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
  {
    name: 'change',
    operation: 'change',
    steps: [{ title: 'an unrelated change applied', happen: ({ balancer }) => balancer.operate('change') }],
  },
  {
    name: 'add',
    operation: 'add',
    steps: [
      {
        title: 'a server added at run time',
        async happen({ balancer, fleet, crowd }) {
          await fleet.start('e')
          await balancer.operate('add', fleet.placeOf('e'))
          await untilServing(fleet.instanceOf('e'), crowd)
        },
      },
    ],
  },
  {
    name: 'drain',
    operation: 'drain',
    steps: [
      {
        title: 'a server drained',
        async happen({ balancer, fleet, crowd }) {
          await balancer.operate('drain', 'b')
          await assertNoNewcomer(fleet.instanceOf('b'), crowd)
        },
      },
    ],
  },
  {
    name: 'upgrade',
    operation: 'upgrade',
    steps: [{ title: 'the program upgraded', happen: ({ balancer }) => balancer.operate('upgrade') }],
  },
  {
    name: 'rolling',
    operation: 'replace',
    steps: SERVERS.map((name) => ({
      title: 'all servers replaced in turn',
      loses: name,
      settles: true,
      async happen({ balancer, fleet, crowd }) {
        const successor = `${name}2`
        await fleet.start(successor)
        await balancer.operate('replace', name, fleet.placeOf(successor))
        await untilServing(fleet.instanceOf(successor), crowd)
        await fleet.end(name)
      },
    })),
  },
]

/** @throws Error if one of several new users is served by that process */
async function assertNoNewcomer(instance: string, crowd: Crowd): Promise<void> {
  for (let newcomers = 0; newcomers < NEWCOMERS; newcomers++) {
    const { answer } = await crowd.newcomer()
    if (answer?.instance === instance) throw new Error(`${instance} gets new users`)
  }
}

/** Sends new users until one is served by that process, which shows that the balancer uses it. */
async function untilServing(instance: string, crowd: Crowd): Promise<void> {
  const deadline = performance.now() + RETURN_TIMEOUT
  while (performance.now() < deadline) {
    const { answer } = await crowd.newcomer()
    if (answer?.instance === instance) return
  }
  throw new Error(`${instance} got no request within ${RETURN_TIMEOUT / 1000} s`)
}
