import { type MetricName, metrics } from '../metric.ts'
import { REFERENCE } from '../peers/registry.ts'
import { type CaseResult, type Entry, entryOf, type Results, ratioOf, summaryOf } from '../results.ts'
import type { Summary } from '../statistics.ts'
import { judge, measured, type Target, targets } from '../targets.ts'
import { table } from './table.ts'

/** If the proxy used less than this share of its cores, the load was the limit. */
const SATURATED = 0.95

/** If others used more than this share of the proxy's core, the figures are doubtful. */
const DISTURBED = 0.05

/** The targets with the measured figures. */
export function targetTable(results: Results): string {
  return table(
    ['Case', 'Target', 'Stretch', 'Measured', '(least to greatest round)', ''],
    targets.map((target) => {
      const summary = measured(target, results)
      const format = formatOf(target)
      const sign = metrics[target.metric].better === 'less' ? '≤' : '≥'
      const bounds = [`${sign} ${format(target.goal)}`, `${sign} ${format(target.stretch)}`]
      if (summary === undefined) return [target.title, ...bounds, '–', '', 'not measured']
      const { median, low, high } = summary
      const verdict = { stretch: '✓✓ stretch', met: '✓ met', missed: '✗ missed' }[judge(target, summary)]
      return [target.title, ...bounds, `**${format(median)}**`, `${format(low)} to ${format(high)}`, verdict]
    }),
  )
}

function formatOf({ against, metric }: Target): (value: number) => string {
  return against === undefined ? metrics[metric].format : (value) => value.toFixed(2)
}

/** A case's figures: the median of the rounds, half their range, and the ratios to the reference. */
export function caseTable(result: CaseResult): string {
  const found = result.metrics.filter((metric) => result.entries.some((entry) => summaryOf(entry, metric)))
  const shown = found.length > 0 ? found : result.metrics
  const compared = shown.slice(0, 2)
  const hasVariants = new Set(result.entries.map(({ variant }) => variant)).size > 1
  const hasReference = entryOf(result, REFERENCE) !== undefined
  const [first] = result.entries
  return table(
    [
      'Proxy',
      ...shown.map((metric) => metrics[metric].title),
      ...(hasReference ? compared.map((metric) => `${metrics[metric].title} to nginx`) : []),
      ...(hasVariants ? compared.map((metric) => `${metrics[metric].title} to ${first!.variant}`) : []),
    ],
    result.entries.map((entry) => {
      const reference = entryOf(result, REFERENCE, entry.variant)
      const base = entryOf(result, entry.peer)
      return [
        nameOf(entry),
        ...shown.map((metric) => figure(entry, metric)),
        ...(hasReference ? compared.map((metric) => times(reference && ratioOf(entry, reference, metric))) : []),
        ...(hasVariants ? compared.map((metric) => times(base && ratioOf(entry, base, metric))) : []),
      ]
    }),
  )
}

function nameOf({ peer, title, variant }: Entry): string {
  const name = peer.startsWith('limpet') ? `**${title}**` : title
  return variant === '' ? name : `${name}, ${variant}`
}

function figure(entry: Entry, metric: MetricName): string {
  const summary = summaryOf(entry, metric)
  if (summary === undefined) return entry.errors.length > 0 ? 'failed' : '–'
  const spread = metric === 'busy' ? '' : ` ${formatSpread(summary)}`
  return `${metrics[metric].format(summary.median)}${spread}`
}

/** Half the range of all rounds, relative to the median. */
function formatSpread({ median, low, high, rounds }: Summary): string {
  return rounds < 2 || median === 0 ? '' : `±${Math.round(((high - low) / 2 / Math.abs(median)) * 100)} %`
}

function times(summary: Summary | undefined): string {
  return summary === undefined ? '–' : summary.median.toFixed(2)
}

/** The small case in a few columns, for the README. */
export function summaryTable(result: CaseResult): string {
  const reference = entryOf(result, REFERENCE)
  return table(
    ['One core, small answers', 'requests/s', 'CPU a request', 'to nginx', 'p99', 'memory'],
    result.entries.map((entry) => [
      nameOf(entry),
      plain(entry, 'requests'),
      plain(entry, 'cpu'),
      times(reference && ratioOf(entry, reference, 'cpu')),
      plain(entry, 'p99'),
      plain(entry, 'memory'),
    ]),
  )
}

function plain(entry: Entry, metric: MetricName): string {
  const summary = summaryOf(entry, metric)
  return summary === undefined ? '–' : metrics[metric].format(summary.median)
}

/** The whole report. Charts are beside it, named after their cases. */
export function report(results: Results): string {
  const { machine, cases } = results
  return `# What was measured

Written by \`npm run bench\`; [docs/benchmarking.md](../../docs/benchmarking.md) says how it measures. Each figure is the median of
several interleaved rounds, ± half the range from the least to the greatest of them; a ratio is the median of the rounds' ratios.

${machine.processor}, ${machine.cores} cores, ${metrics.memory.format(machine.memory)} of memory, ${machine.system}, Node.js ${machine.node}.

## Targets

${targetTable(results)}

${Object.entries(cases)
  .map(([name, result]) => section(name, result))
  .join('\n\n')}
`
}

function section(name: string, result: CaseResult): string {
  const { title, command, measuredAt, rounds, seconds, origin, entries } = result
  const versions = new Set(entries.map((entry) => `${entry.title} ${entry.version}`))
  const errors = entries.flatMap((entry) => entry.errors.map((error) => `- ${nameOf(entry)}: ${error}`))
  return [
    `## ${title}`,
    `![${title}](${name}.svg)`,
    caseTable(result),
    ...remarks(result),
    ...(errors.length === 0 ? [] : [`Errors:\n\n${errors.join('\n')}`]),
    `\`${command}\`, ${measuredAt.slice(0, 16).replace('T', ' ')} UTC: ${rounds} rounds of ${seconds} s. Origin: ${origin}. ${[...versions].join('; ')}.`,
  ].join('\n\n')
}

/** Remarks that a reader needs to judge the figures. */
export function remarks({ entries }: CaseResult): string[] {
  const disturbed = (entry: Entry) => summaryOf(entry, 'disturbed')?.median ?? 0
  const most = Math.max(...entries.map(disturbed))
  const waiting = entries.filter((entry) => (summaryOf(entry, 'busy')?.median ?? 1) + disturbed(entry) < SATURATED)
  return [
    ...(most > DISTURBED
      ? [`Doubtful: others used up to ${metrics.disturbed.format(most)} of the proxy's core meanwhile. Measure again.`]
      : []),
    ...(waiting.length > 0
      ? [`The load was the limit for ${waiting.map(nameOf).join('; ')}: there, the CPU a request says more.`]
      : []),
  ]
}
