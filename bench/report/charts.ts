import { type MetricName, metrics } from '../metric.ts'
import { type CaseResult, type Entry, type Results, summaryOf } from '../results.ts'
import { type Bar, chartSvg, type Panel } from './chart.ts'

/** A chart for each case, with its first two metrics side by side. The keys are file names. */
export function charts({ cases }: Results): Map<string, string> {
  return new Map(
    Object.entries(cases).map(([name, result]) => [
      `${name}.svg`,
      chartSvg({ title: result.title, panels: result.metrics.slice(0, 2).map((metric) => panel(result, metric)) }),
    ]),
  )
}

function panel({ entries }: CaseResult, metric: MetricName): Panel {
  const { title, better } = metrics[metric]
  return {
    title: `${title} (${better === 'more' ? 'more' : 'less'} is better)`,
    bars: entries.map((entry) => bar(entry, metric)),
  }
}

function bar(entry: Entry, metric: MetricName): Bar {
  const label = entry.variant === '' ? entry.title : `${entry.title}, ${entry.variant}`
  const highlighted = entry.peer.startsWith('limpet')
  const summary = summaryOf(entry, metric)
  if (summary === undefined) return { label, value: undefined, text: 'failed', highlighted }
  const { median, low, high } = summary
  return { label, value: median, low, high, text: metrics[metric].format(median), highlighted }
}
