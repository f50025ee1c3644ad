/** `npm run bench:sessions`: which balancers keep users on their servers during changes. See docs/survival.md. */
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import { copyCheckout } from '../checkout.ts'
import { several, whole } from '../options.ts'
import { formatSeconds, Progress } from '../progress.ts'
import { makeRunFolder } from '../run-folder.ts'
import type { Contender } from './contender.ts'
import { contenders } from './contenders/registry.ts'
import { type Event, events } from './events.ts'
import { breach, type Outcome } from './outcome.ts'
import { type Entry, renewSurvivalPage, survivalOf, survivalReport, writeSurvival } from './report.ts'
import { runEvent, type Surroundings } from './run-event.ts'
import { MAX_USERS, PATIENCE } from './user.ts'

interface Options {
  readonly users: number
  readonly patience: number
  readonly event?: readonly string[]
  readonly peer?: readonly string[]
  readonly docs?: boolean
  readonly output?: string
}

const resultsFolder = fileURLToPath(new URL('../results', import.meta.url))
const USERS = 2000
/** The default number of users, of whom 64 make a request at any time. */
const FEWEST_USERS = 64

await new Command('npm run bench:sessions --')
  .description(
    'Runs Limpet and its peers through changes of servers and balancers, and counts the users who keep their server.',
  )
  .option('--users <number>', `the number of users (${USERS})`, whole(FEWEST_USERS, MAX_USERS), USERS)
  .option('--patience <seconds>', `how long a user waits for an answer (${PATIENCE})`, whole(1, 600), PATIENCE)
  .option('--event <names>', 'only these events, separated by commas', several(events))
  .option('--peer <names>', 'only these peers, separated by commas', several(contenders))
  .option('--docs', 'also update the table in docs/survival.md')
  .option('--output <folder>', 'where the results go (bench/results, or its folder trial for a partial run)')
  .action(run)
  .parseAsync()

async function run(options: Options): Promise<void> {
  const present = await installed(wanted(contenders, options.peer))
  const output = options.output ?? (isWhole(options, present) ? resultsFolder : join(resultsFolder, 'trial'))
  if (options.docs && output !== resultsFolder) {
    console.error('bench: only the figures of complete runs go into the page.')
    process.exitCode = 1
    return
  }
  const folder = makeRunFolder()
  const { folder: limpet } = await copyCheckout(join(folder, 'limpet'))
  const { users, patience } = options
  const surroundings: Surroundings = { folder, limpet, users, patience }
  const wantedEvents = wanted(events, options.event)
  const runs = present.flatMap(({ contender }) => wantedEvents.filter((event) => isPossible(event, contender)))
  const progress = new Progress(runs.map(() => durationOf(surroundings)))
  progress.say(`${runs.length} events, about ${formatSeconds(progress.left)}`)
  const entries: Entry[] = []
  for (const { contender, version } of present) {
    const { name, title } = contender
    const possible = wantedEvents.filter((event) => isPossible(event, contender))
    const cannot = wantedEvents.filter((event) => !possible.includes(event)).map(({ steps }) => steps[0]!.title)
    const { outcomes, remarks } = await runEvents(contender, possible, surroundings, progress)
    entries.push({ contender: name, title, version, outcomes, cannot, remarks })
  }
  progress.end()
  const survival = survivalOf(users, patience, entries)
  await writeSurvival(output, survival)
  console.log(survivalReport(survival))
  if (options.docs) await renewSurvivalPage(survival)
  console.log(`\nAll figures: ${relative('', join(output, 'sessions.json'))}`)
}

function wanted<T extends { readonly name: string }>(all: readonly T[], names: readonly string[] | undefined): T[] {
  return all.filter(({ name }) => names?.includes(name) ?? true)
}

function isPossible({ operation }: Event, { operations }: Contender): boolean {
  return operation === undefined || operations[operation] !== undefined
}

async function installed(all: readonly Contender[]) {
  const present: { readonly contender: Contender; readonly version: string }[] = []
  for (const contender of all) {
    const version = await contender.version()
    if (version === undefined) console.error(`${contender.title} is not installed and is left out.`)
    else present.push({ contender, version })
  }
  return present
}

/** Only the results of a complete run are published. */
function isWhole({ users, patience, event, peer }: Options, present: readonly unknown[]): boolean {
  return (
    users >= USERS &&
    patience === PATIENCE &&
    event === undefined &&
    peer === undefined &&
    present.length === contenders.length
  )
}

/** The duration in s: starts and ends of the programs, and requests of the users. */
function durationOf({ users }: Surroundings): number {
  return 2 + users / 800
}

async function runEvents(
  contender: Contender,
  wantedEvents: readonly Event[],
  surroundings: Surroundings,
  progress: Progress,
): Promise<{ readonly outcomes: Outcome[]; readonly remarks: string[] }> {
  const outcomes: Outcome[] = []
  const remarks: string[] = []
  const remark = (what: string, sentence: string) => {
    progress.say(`  ${contender.title}: ${what}: ${sentence}`)
    remarks.push(`${what}: ${sentence}`)
  }
  for (const event of wantedEvents) {
    progress.start(`${contender.title} · ${[...new Set(event.steps.map(({ title }) => title))].join(' ')}`)
    try {
      for (const outcome of await runEvent(contender, event, surroundings)) {
        outcomes.push(outcome)
        if (outcome.failures.length > 0) remark(outcome.title, outcome.failures.join(', '))
        const broken = breach(contender, outcome)
        if (broken === undefined) continue
        process.exitCode = 1
        remark(outcome.title, `not as promised: ${broken}`)
      }
    } catch (error) {
      process.exitCode = 1
      remark(event.name, `could not be run: ${(error as Error).message}`)
    }
    progress.finish(durationOf(surroundings))
  }
  return { outcomes, remarks }
}
