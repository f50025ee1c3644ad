import { mkdir, mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { Balancer } from './balancer.ts'
import type { Contender } from './contender.ts'
import { Crowd, type Tally } from './crowd.ts'
import { type Event, SERVERS, type Stage } from './events.ts'
import { Fleet } from './fleet.ts'
import type { Outcome } from './outcome.ts'

/** The values that all events of a run share. */
export interface Surroundings {
  readonly folder: string
  /** The folder of the Limpet to be measured. */
  readonly limpet: string
  readonly users: number
  /** How long a user waits for an answer, in s. */
  readonly patience: number
}

/** The number of requests of each user before an event and after each of its steps. */
const VISITS = 2

/**
 * Starts a contender and servers, waits until each user has a server, runs the event while they continue, and returns its
 * effect on them, step by step.
 *
 * @throws Error if a program does not start, or all visits fail
 */
export async function runEvent(contender: Contender, event: Event, surroundings: Surroundings): Promise<Outcome[]> {
  const folder = await mkdtemp(join(surroundings.folder, `${contender.name}-${event.name}-`))
  await mkdir(join(folder, 'servers'))
  const fleet = await Fleet.start(join(folder, 'servers'), SERVERS)
  const balancers: Balancer[] = []
  const startBalancer = async () => {
    const balancer = await Balancer.start(contender, folder, surroundings.limpet, fleet.places)
    balancers.push(balancer)
    return balancer
  }
  try {
    const balancer = await startBalancer()
    const { users, patience } = surroundings
    const crowd = new Crowd(users, balancer.port, event.operation === undefined, patience)
    try {
      return await play(event, { fleet, balancer, crowd, startReplica: startBalancer })
    } finally {
      await crowd.leave()
    }
  } finally {
    await Promise.all(balancers.map((balancer) => balancer.stop()))
    await fleet.stop()
  }
}

async function play(event: Event, stage: Stage): Promise<Outcome[]> {
  const { crowd, fleet } = stage
  await crowd.everyoneVisits(VISITS)
  crowd.settle()
  const outcomes: Outcome[] = []
  for (const step of event.steps) {
    if (step.settles) await settle(crowd)
    await step.happen(stage)
    await crowd.everyoneVisits(VISITS)
    const names = fleet.places.map(({ name }) => name)
    const living = [undefined, ...names.filter((name) => name !== step.loses)].map((home) => crowd.fate(home))
    outcomes.push({
      event: event.name,
      title: step.title,
      servers: names.length,
      users: sum(living.map(({ users }) => users)),
      kept: sum(living.map(({ kept }) => kept)),
      ...(step.loses !== undefined && names.includes(step.loses) && { lost: crowd.fate(step.loses) }),
      ...plain(crowd.count()),
    })
  }
  return [...Map.groupBy(outcomes, ({ title }) => title).values()].map(together)
}

/** Makes the server that each user is on now their home, wherever they came from. */
async function settle(crowd: Crowd): Promise<void> {
  crowd.settle()
  await crowd.everyoneVisits(1)
  crowd.settle()
}

/** The outcome of several steps that count as one. */
function together(outcomes: readonly Outcome[]): Outcome {
  const total = (of: (outcome: Outcome) => number) => sum(outcomes.map(of))
  return {
    ...outcomes.at(-1)!,
    users: total(({ users }) => users),
    kept: total(({ kept }) => kept),
    requests: total(({ requests }) => requests),
    failed: total(({ failed }) => failed),
    refused: total(({ refused }) => refused),
    resent: total(({ resent }) => resent),
    failures: outcomes.flatMap(({ failures }) => failures),
  }
}

function plain({ failures, ...counts }: Tally) {
  return { ...counts, failures: Array.from(failures, ([why, count]) => `${count} × ${why}`) }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0)
}
