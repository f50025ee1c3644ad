/** `npm run bench`: measures Limpet and its peers side by side. docs/benchmarking.md describes how to use it. */
import { mkdir } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import { cases } from './cases/registry.ts'
import { makeCertificate } from './certificate.ts'
import { copyCheckout, extractCommit } from './checkout.ts'
import { assignCores, moveTo, usableCores } from './cores.ts'
import { measure, type Step, type Surroundings } from './measure.ts'
import { metrics } from './metric.ts'
import { commits, several, whole } from './options.ts'
import { startOrigin } from './origin.ts'
import type { Peer } from './peer.ts'
import { limpetBefore } from './peers/limpet.ts'
import { peers } from './peers/registry.ts'
import { busiestProfile, formatProfile, selfTimes } from './profile.ts'
import { versionOf } from './program.ts'
import { formatSeconds, Progress } from './progress.ts'
import { caseTable, remarks } from './report/markdown.ts'
import { renewPages, writeReport } from './report/write.ts'
import { type CaseResult, readResults, recordCase } from './results.ts'
import { durationOf, type Entrants, runRounds, stepsOf } from './rounds.ts'
import { makeRunFolder } from './run-folder.ts'

interface Options {
  readonly case?: readonly string[]
  readonly peer?: readonly string[]
  readonly rounds?: number
  readonly seconds?: number
  readonly warmUp?: number
  readonly list?: boolean
  readonly quick?: boolean
  readonly profile?: boolean
  readonly before?: readonly string[]
  readonly report?: boolean
  readonly docs?: boolean
  readonly output?: string
}

const resultsFolder = fileURLToPath(new URL('results', import.meta.url))
/** The results of partial runs, which are too short or have too few peers to publish. */
const trialFolder = join(resultsFolder, 'trial')
const ROUNDS = 5
/** The programs that make load and certificates, and the flags that print their versions. */
const TOOLS = { wrk: '-v', h2load: '--version', openssl: 'version' }
/** The most workers of any case. Their cores are kept free of the load if there are enough. */
const MAX_WORKERS = 2
/** The maximum warm-up in a quick run, in s. */
const QUICK_WARM_UP = 3
/** A quick run starts no further round after this time, in ms, so that it ends within two minutes on slow machines too. */
const QUICK = 75_000

/** What `--quick` measures: one peer of each kind in the first case, the two most important in the others. */
const quickly: Readonly<Record<string, readonly string[]>> = {
  small: ['limpet', 'nginx', 'haproxy', 'nginx-lab', 'caddy', 'node-http'],
  connections: ['limpet', 'nginx'],
  '64kB': ['limpet', 'nginx'],
}

await new Command('npm run bench --')
  .description('Measures Limpet and its peers side by side.')
  .option('--case <names>', 'only these cases, separated by commas', several(cases))
  .option('--peer <names>', 'only these peers, separated by commas', several(peers))
  .option('--rounds <number>', `interleaved rounds (${ROUNDS})`, whole(1, 1000))
  .option('--seconds <number>', 'the length of each load (3)', whole(1, 600))
  .option('--warm-up <seconds>', 'the longest load before it (that of the peer)', whole(0, 600))
  .option('--quick', 'a short run of less than two minutes, for a first impression')
  .option('--profile', "run one round with V8's profiler, and print where the time went")
  .option('--before <commits>', 'also measure Limpet at these commits, to see the effect of a change', commits)
  .option('--list', 'list the cases and the peers, and measure nothing')
  .option('--report', 'rewrite the report from the existing results, and measure nothing')
  .option('--docs', 'also update the tables in README.md and docs/performance.md')
  .option('--output <folder>', 'where the results go (bench/results, or its folder trial for a partial run)')
  .action(bench)
  .parseAsync()

async function bench(options: Options): Promise<void> {
  if (options.list) return list()
  if (options.report) return rewriteReport(options)
  for (const [tool, flag] of Object.entries(TOOLS))
    if ((await versionOf(tool, [flag])) === undefined) return fail(`${tool} is required but not installed.`)

  const rounds = options.rounds ?? (options.quick ? 3 : ROUNDS)
  const output = options.output ?? outputOf(options, rounds)
  if (options.docs && output === trialFolder) return fail('only the figures of complete runs go into the pages.')

  const seconds = options.seconds ?? (options.quick ? 1 : 3)
  const mostWarmUp = options.warmUp ?? (options.quick ? QUICK_WARM_UP : Number.POSITIVE_INFINITY)
  const folder = makeRunFolder()
  const { folder: limpet } = await copyCheckout(join(folder, 'limpet'))
  const earlier: Peer[] = []
  for (const commit of options.before ?? []) {
    const peer = await limpetAt(commit, folder)
    if (peer === undefined) return fail(`there is no commit ${commit}.`)
    earlier.push(peer)
  }
  const entrants = await entrantsOf(options, earlier)

  const cores = usableCores()
  const { load } = assignCores(MAX_WORKERS, cores)
  moveTo(load)
  const origin = await startOrigin(folder, load)
  const certificate = await makeCertificate(folder)
  const surroundings: Surroundings = { folder, limpet, origin, certificate, cores, seconds, mostWarmUp }
  if (options.profile) {
    for (const each of entrants) for (const step of stepsOf(each)) await profileStep(step, surroundings)
    return origin.program.stop()
  }
  const steps = entrants.flatMap((each) => Array.from({ length: rounds }, () => stepsOf(each))).flat()
  const progress = new Progress(steps.map((step) => durationOf(step, surroundings)))
  progress.say(`${steps.length} measurements, about ${formatSeconds(progress.left)}`)
  if (cores.length < 2) progress.say('Proxy and load cannot be pinned to separate cores here: figures will vary more.')

  const deadline = options.quick ? performance.now() + QUICK : Number.POSITIVE_INFINITY
  for (const each of entrants) {
    const entries = await runRounds(each, rounds, surroundings, progress, deadline)
    const { name, title, metrics } = each.case
    const result: CaseResult = {
      title,
      measuredAt: new Date().toISOString(),
      command: ['npm run bench --', ...process.argv.slice(2)].join(' ').replace(/ --$/, ''),
      rounds: Math.max(...entries.map(({ samples }) => samples.length)),
      seconds,
      origin: origin.title,
      metrics,
      entries,
    }
    progress.end()
    console.log(['', title, caseTable(result), ...remarks(result), ''].join('\n\n'))
    const results = await recordCase(output, name, result)
    await writeReport(output, results)
    if (options.docs) for (const page of await renewPages(results)) progress.say(`renewed ${relative('', page)}`)
  }
  console.log(`Full report: ${relative('', join(output, 'README.md'))}`)
  await origin.program.stop()
  if (entrants.length === 0) fail('nothing to measure')
}

/** Limpet at a commit; undefined if there is no such commit. */
async function limpetAt(commit: string, folder: string): Promise<Peer | undefined> {
  return extractCommit(commit, join(folder, `limpet-${commit.replaceAll(/\W/g, '-')}`)).then(
    limpetBefore,
    () => undefined,
  )
}

/** The cases with those of their peers that are installed. */
async function entrantsOf(options: Options, additional: readonly Peer[]): Promise<Entrants[]> {
  const { case: names, peer: wanted, quick, profile } = options
  const versions = new Map<string, string>()
  for (const peer of [...additional, ...peers]) {
    const version = await peer.version()
    if (version !== undefined) versions.set(peer.name, version)
    else if (wanted?.includes(peer.name) ?? true) console.error(`${peer.title} is not installed and is left out.`)
  }
  return cases
    .filter(({ name }) => names?.includes(name) ?? (!quick || name in quickly))
    .map((each) => {
      const invited = wanted ?? (profile ? ['limpet'] : (quick && quickly[each.name]) || each.peers)
      const present = [...additional, ...peers.filter(({ name }) => invited.includes(name) && versions.has(name))]
      const able = present.filter(({ profiles }) => profiles || !profile)
      return { case: each, peers: able.map((peer) => ({ peer, version: versions.get(peer.name)! })) }
    })
    .filter(({ peers }) => peers.length > 0)
}

/** Only the results of a run with all peers, warm ones, and enough rounds are published. */
function outputOf({ peer, quick, before, warmUp }: Options, rounds: number): string {
  return peer || quick || before || warmUp !== undefined || rounds < ROUNDS ? trialFolder : resultsFolder
}

async function list(): Promise<void> {
  console.log('Cases (--case)\n')
  for (const { name, title, peers } of cases)
    console.log(`  ${name.padEnd(14)} ${title.padEnd(52)} ${peers.join(', ')}`)
  console.log('\nPeers (--peer)\n')
  for (const { name, title, version } of peers) {
    console.log(`  ${name.padEnd(14)} ${title.padEnd(52)} ${(await version()) ?? 'not installed'}`)
  }
}

async function rewriteReport({ output = resultsFolder, docs }: Options): Promise<void> {
  const results = await readResults(output)
  if (results === undefined) return fail(`there are no results in ${output}`)
  await writeReport(output, results)
  if (docs) await renewPages(results)
}

/** Measures once with V8's profiler on, and prints where the time went. */
async function profileStep(step: Step, surroundings: Surroundings): Promise<void> {
  const { peer, variant } = step
  const name = [step.case.name, variant.name].filter(Boolean).join(' ').replaceAll(/[ ,]+/g, '-')
  const profile = join(resultsFolder, 'profiles', `${peer.name}-${name}`, new Date().toISOString().replaceAll(':', ''))
  await mkdir(profile, { recursive: true })
  const { sample, errors, measured } = await measure(step, { ...surroundings, profile })
  if (measured === undefined) return fail(`${step.case.name} does not measure requests, so it has no profile.`)
  const { file, profile: found } = await busiestProfile(profile, measured)
  const cpu = sample.cpu === undefined ? '' : `, ${metrics.cpu.format(sample.cpu)} of CPU each`
  console.log(`\n${peer.title} at ${name}, profiled: ${Math.round(measured.requests)} requests${cpu}\n`)
  for (const error of errors) console.log(`  ${error}`)
  console.log(formatProfile(selfTimes(found, measured), measured.requests, sample.cpu))
  console.log(`\nFull profile of the busiest thread, for Chrome's DevTools: ${relative('', file)}`)
}

function fail(sentence: string): void {
  console.error(`bench: ${sentence}`)
  process.exitCode = 1
}
