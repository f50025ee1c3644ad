import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { table } from '../report/table.ts'
import { renewBlocks } from '../report/write.ts'
import { type Machine, thisMachine } from '../results.ts'
import type { Outcome } from './outcome.ts'

const page = fileURLToPath(new URL('../../docs/survival.md', import.meta.url))

/** The results of a run. */
export interface Survival {
  readonly machine: Machine
  readonly measuredAt: string
  readonly command: string
  readonly users: number
  /** How long a user waits for an answer, in s. */
  readonly patience: number
  readonly entries: readonly Entry[]
}

/** The outcomes of a contender. */
export interface Entry {
  readonly contender: string
  readonly title: string
  readonly version: string
  readonly outcomes: readonly Outcome[]
  /** The titles of what it cannot do. */
  readonly cannot: readonly string[]
  /** Sentences about events that could not be run, failures and broken promises. */
  readonly remarks: readonly string[]
}

/** Writes sessions.json and sessions.md to the folder. */
export async function writeSurvival(folder: string, survival: Survival): Promise<void> {
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'sessions.json'), `${JSON.stringify(survival, null, 2)}\n`)
  await writeFile(join(folder, 'sessions.md'), `# Who keeps their server\n\n${survivalReport(survival)}\n`)
}

/** Writes the tables to the block `survival` of docs/survival.md. */
export async function renewSurvivalPage(survival: Survival): Promise<void> {
  const before = await readFile(page, 'utf8')
  await writeFile(page, renewBlocks(before, new Map([['survival.md', `${survivalReport(survival)}\n`]])))
}

export function survivalOf(users: number, patience: number, entries: readonly Entry[]): Survival {
  const command = ['npm run bench:sessions --', ...process.argv.slice(2)].join(' ').replace(/ --$/, '')
  return { machine: thisMachine(), measuredAt: new Date().toISOString(), command, users, patience, entries }
}

/** The tables with explanations and remarks. */
export function survivalReport({ machine, measuredAt, command, users, patience, entries }: Survival): string {
  const titles = [
    ...new Set(entries.flatMap(({ outcomes, cannot }) => [...outcomes.map(({ title }) => title), ...cannot])),
  ]
  const remarks = entries.flatMap(({ title, remarks }) => remarks.map((remark) => `- ${title}: ${remark}`))
  const versions = new Set(entries.map(({ title, version }) => `${title.split(',')[0]} ${version}`))
  const cells = (write: (outcome: Outcome) => string) =>
    entries.map(({ title, outcomes, cannot }) => [
      title.startsWith('Limpet') ? `**${title}**` : title,
      ...titles.map((each) => {
        const outcome = outcomes.find((other) => other.title === each)
        if (outcome !== undefined) return write(outcome)
        return cannot.includes(each) ? 'cannot' : '–'
      }),
    ])
  return [
    `Users who kept their server · requests that failed, of ${users.toLocaleString('en')} users:`,
    table(['', ...titles], cells(fidelity)),
    'Kept: served by their server and no other since before the event, of all users whose server lives. Failed: an error from 500 on, ' +
      `an answer that broke off or was lost, or none within ${patience} s.`,
    'Connections refused · requests sent again since their connection was closed before an answer. Where a balancer is restarted, ' +
      'clients do both by themselves, and so neither has failed. Where something is changed while it runs, they never try again, and ' +
      'both have failed:',
    table(['', ...titles], cells(troubles)),
    ...lostUsers(entries),
    ...(remarks.length === 0 ? [] : [remarks.join('\n')]),
    `\`${command}\`, ${measuredAt.slice(0, 16).replace('T', ' ')} UTC, ${machine.cores} cores of ${machine.processor}, ` +
      `Node.js ${machine.node}. ${[...versions].join('; ')}.`,
  ].join('\n\n')
}

function fidelity({ users, kept, failed }: Outcome): string {
  return `${share(kept, users)} · ${failed}`
}

function troubles({ refused, resent }: Outcome): string {
  return `${refused} · ${resent}`
}

function lostUsers(entries: readonly Entry[]): string[] {
  const returned = entries.flatMap(({ title, outcomes }) => {
    const { lost } = outcomes.findLast((outcome) => outcome.lost !== undefined) ?? {}
    return lost === undefined ? [] : [`${title}: ${share(lost.atHome, lost.users)}`]
  })
  return returned.length === 0 ? [] : [`The killed server's own users, who are on it again: ${returned.join('; ')}.`]
}

/** The share as a percentage; 100 % only if it is exactly all. */
export function share(some: number, all: number): string {
  if (all === 0) return '–'
  const percent = Math.floor((some / all) * 1000) / 10
  return `${percent} %`
}
