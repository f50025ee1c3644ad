import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { arch, cpus, release, totalmem, type } from 'node:os'
import { join } from 'node:path'
import type { MetricName, Sample } from './metric.ts'
import { ratio, type Summary, summarize } from './statistics.ts'

/** The file from which all other files in its folder are made. */
export const RESULTS_FILE = 'latest.json'

/** The newest results of each case, from one machine. */
export interface Results {
  readonly machine: Machine
  readonly cases: Readonly<Record<string, CaseResult>>
}

export interface Machine {
  readonly system: string
  readonly processor: string
  readonly cores: number
  /** Bytes. */
  readonly memory: number
  readonly node: string
}

export interface CaseResult {
  readonly title: string
  readonly measuredAt: string
  readonly command: string
  readonly rounds: number
  /** Seconds of load in each round. */
  readonly seconds: number
  readonly origin: string
  readonly metrics: readonly MetricName[]
  readonly entries: readonly Entry[]
}

/** The results of a peer with a variant of the case. */
export interface Entry {
  readonly peer: string
  readonly title: string
  readonly version: string
  readonly variant: string
  /** One per round; null if the round failed. */
  readonly samples: readonly (Sample | null)[]
  readonly errors: readonly string[]
}

export function thisMachine(): Machine {
  const processors = cpus()
  return {
    system: `${type()} ${release()} ${arch()}`,
    processor: processors[0]?.model.trim() ?? 'unknown',
    cores: processors.length,
    memory: totalmem(),
    node: process.version,
  }
}

/** Undefined if there are none yet. */
export async function readResults(folder: string): Promise<Results | undefined> {
  try {
    return JSON.parse(await readFile(join(folder, RESULTS_FILE), 'utf8')) as Results
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** Adds the case to the existing results, or replaces them if they are from another machine. Resolves to all results. */
export async function recordCase(folder: string, name: string, result: CaseResult): Promise<Results> {
  const machine = thisMachine()
  const before = await readResults(folder)
  const isSame = JSON.stringify(before?.machine) === JSON.stringify(machine)
  const results: Results = { machine, cases: { ...(isSame && before?.cases), [name]: result } }
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, RESULTS_FILE), `${JSON.stringify(results, null, 2)}\n`)
  return results
}

/** The summary of a metric over all rounds. Undefined if it was not measured. */
export function summaryOf(entry: Entry, metric: MetricName): Summary | undefined {
  return summarize(roundsOf(entry, metric))
}

/** The ratio of one entry's metric to another's, round by round. */
export function ratioOf(entry: Entry, reference: Entry, metric: MetricName): Summary | undefined {
  return ratio(roundsOf(entry, metric), roundsOf(reference, metric))
}

/** @param variant by default the first one of the case */
export function entryOf({ entries }: CaseResult, peer: string, variant = entries[0]?.variant): Entry | undefined {
  return entries.find((entry) => entry.peer === peer && entry.variant === variant)
}

function roundsOf({ samples }: Entry, metric: MetricName): (number | undefined)[] {
  return samples.map((sample) => sample?.[metric])
}
