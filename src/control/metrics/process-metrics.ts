import type { SourceSummary } from '../../admin/sources.ts'
import { WorkerCell } from '../../runtime/tallies/layout.ts'
import { version } from '../../version.ts'
import { labelled, type Metric, type MetricType, sample } from './exposition.ts'
import type { Scene } from './scene.ts'

const quantileLabels = ['0.5', '0.99', '1'].map((quantile) => labelled({ quantile }))
const handshakes = [
  [labelled({ result: 'full' }), WorkerCell.HandshakesFull],
  [labelled({ result: 'resumed' }), WorkerCell.HandshakesResumed],
  [labelled({ result: 'failed' }), WorkerCell.HandshakesFailed],
] as const
const applies = [
  [labelled({ result: 'ok' }), WorkerCell.AppliesOk],
  [labelled({ result: 'refused' }), WorkerCell.AppliesRefused],
] as const
const overflows = [
  [labelled({ limit: 'rate' }), WorkerCell.RateOverflows],
  [labelled({ limit: 'concurrency' }), WorkerCell.ConcurrencyOverflows],
] as const
const build = labelled({ version, node: process.versions.node })

/** The program as a whole: its clients, its configuration, its threads. */
export const processMetrics: readonly Metric<Scene>[] = [
  single('limpet_connections', 'gauge', "Clients' connections that are open.", ({ connections }) => connections),
  single(
    'limpet_connections_accepted_total',
    'counter',
    "Clients' connections that were accepted.",
    ({ cells }) => cells[WorkerCell.Connections],
  ),
  counted('limpet_tls_handshakes_total', 'result', 'TLS handshakes with clients.', handshakes),
  counted(
    'limpet_applies_total',
    'result',
    'Changes of the configuration: those that came into effect, and those that were refused.',
    applies,
  ),
  single('limpet_generation', 'gauge', 'The number of the configuration in effect.', ({ generation }) => generation),
  single(
    'limpet_last_apply_timestamp_seconds',
    'gauge',
    'When the configuration last came into effect.',
    ({ cells }) => cells[WorkerCell.AppliedAt],
  ),
  single('limpet_workers', 'gauge', 'Worker threads.', ({ workers }) => workers.length),
  single(
    'limpet_workers_restarted_total',
    'counter',
    'Workers that died and were replaced.',
    ({ cells }) => cells[WorkerCell.WorkersRestarted],
  ),
  {
    name: 'limpet_event_loop_delay_seconds',
    type: 'summary',
    help: 'How late the event loop of a worker ran what was due, in the last 5 seconds.',
    labels: ['worker', 'quantile'],
    *samples({ workers }, name) {
      for (const { labels, delays } of workers)
        for (const [index, quantile] of quantileLabels.entries())
          yield sample(name, `${labels},${quantile}`, delays[index]!)
    },
  },
  single(
    'limpet_access_log_dropped_lines_total',
    'counter',
    'Lines of the access log that could not be written.',
    ({ cells }) => cells[WorkerCell.DroppedLines],
  ),
  single(
    'limpet_spans_exported_total',
    'counter',
    'Spans that a collector has taken.',
    ({ cells }) => cells[WorkerCell.SpansExported],
  ),
  single(
    'limpet_spans_dropped_total',
    'counter',
    'Spans that were lost for lack of room, or because no collector took them.',
    ({ cells }) => cells[WorkerCell.SpansDropped],
  ),
  single(
    'limpet_limits_dry_run_total',
    'counter',
    'Requests that limits would have refused, had they not been dry runs.',
    ({ cells }) => cells[WorkerCell.DryRuns],
  ),
  counted(
    'limpet_limits_overflows_total',
    'limit',
    'How often a limit had no place for a key, so that it let more through.',
    overflows,
  ),
  {
    name: 'limpet_certificate_not_after_timestamp_seconds',
    type: 'gauge',
    help: 'When a certificate that clients are shown expires.',
    labels: ['name', 'source'],
    *samples({ certificates }, name) {
      for (const [labels, notAfter] of certificates) yield sample(name, labels, notAfter)
    },
  },
  ofSources('limpet_source_up', 'Whether a source of servers answers.', ({ state }) => (state === 'ok' ? 1 : 0)),
  ofSources('limpet_source_servers', 'Servers that a source has found.', ({ servers }) => servers),
  ofSources('limpet_source_mistakes', 'What a source has found and cannot be used.', ({ mistakes }) => mistakes.length),
  ofSources(
    'limpet_source_last_success_timestamp_seconds',
    'When a source last answered with something else than before.',
    ({ lastSuccess }) => lastSuccess && lastSuccess / 1000,
  ),
  single(
    'limpet_discovery_applies_total',
    'counter',
    'How often what sources had found came into effect.',
    ({ cells }) => cells[WorkerCell.DiscoveryApplies],
  ),
  {
    name: 'limpet_build_info',
    type: 'gauge',
    help: 'The version of Limpet, and of the Node.js that it runs on.',
    labels: ['version', 'node'],
    samples: (_, name) => [sample(name, build, 1)],
  },
  single(
    'process_cpu_seconds_total',
    'counter',
    'Processor time of all threads, and of the processes that this one has replaced.',
    ({ cells }) => cells[WorkerCell.ProcessorSeconds],
  ),
  single(
    'process_resident_memory_bytes',
    'gauge',
    'Memory that is resident.',
    ({ process: { residentMemory } }) => residentMemory,
  ),
  single('process_start_time_seconds', 'gauge', 'When the process started.', ({ process: { startedAt } }) => startedAt),
  single('process_open_fds', 'gauge', 'File descriptors that are open.', ({ process: { openFiles } }) => openFiles),
  single('process_max_fds', 'gauge', 'File descriptors that may be open.', ({ process: { mostFiles } }) => mostFiles),
]

/** A metric without labels. */
function single(
  name: string,
  type: MetricType,
  help: string,
  value: (scene: Scene) => number | undefined,
): Metric<Scene> {
  return {
    name,
    type,
    help,
    labels: [],
    samples(scene, written) {
      const found = value(scene)
      return found === undefined ? [] : [sample(written, '', found)]
    },
  }
}

function ofSources(name: string, help: string, value: (source: SourceSummary) => number | undefined): Metric<Scene> {
  return {
    name,
    type: 'gauge',
    help,
    labels: ['upstream', 'source'],
    *samples({ sources }, written) {
      for (const { labels, summary } of sources) {
        const found = value(summary)
        if (found !== undefined) yield sample(written, labels, found)
      }
    },
  }
}

function counted(
  name: string,
  label: string,
  help: string,
  cells: readonly (readonly [labels: string, cell: number])[],
): Metric<Scene> {
  return {
    name,
    type: 'counter',
    help,
    labels: [label],
    samples: (scene, written) => cells.map(([labels, cell]) => sample(written, labels, scene.cells[cell]!)),
  }
}
