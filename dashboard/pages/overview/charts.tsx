import type { Sample } from '../../../src/admin/traffic.ts'
import { Chart } from '../../components/chart.tsx'
import { Panel } from '../../components/panel.tsx'

interface ChartsProps {
  readonly samples: readonly Sample[]
  /** In ms. */
  readonly span: number
}

export function Charts({ samples, span }: ChartsProps) {
  const times = samples.map(({ at }) => Date.parse(at))
  const of = (value: (sample: Sample) => number | null) => samples.map(value)
  const shared = { times, span, group: 'overview' }
  return (
    <>
      <Panel title="Requests a second">
        <Chart
          {...shared}
          label="Requests a second"
          kind="rate"
          atLeast={1}
          series={[
            { label: 'All', colour: '--accent', values: of(({ requests }) => requests), isFilled: true },
            { label: '4xx', colour: '--warn', values: of(({ refused }) => refused) },
            { label: '5xx', colour: '--bad', values: of(({ errors }) => errors) },
          ]}
        />
      </Panel>
      <Panel title="Latency">
        <Chart
          {...shared}
          label="Latency"
          kind="ms"
          atLeast={1}
          series={[
            { label: 'p50', colour: '--series-1', values: of(({ p50 }) => p50) },
            { label: 'p95', colour: '--series-2', values: of(({ p95 }) => p95) },
            { label: 'p99', colour: '--series-3', values: of(({ p99 }) => p99) },
          ]}
        />
      </Panel>
      <Panel title="Connections and sessions">
        <Chart
          {...shared}
          label="Connections and sessions"
          kind="count"
          atLeast={1}
          series={[
            { label: 'Sessions', colour: '--series-1', values: of(({ sessions }) => sessions) },
            { label: 'Connections', colour: '--series-2', values: of(({ connections }) => connections) },
            { label: 'In flight', colour: '--series-3', values: of(({ inFlight }) => inFlight) },
          ]}
        />
      </Panel>
      <Panel title="Stickiness">
        <Chart
          {...shared}
          label="Share of the requests of known sessions that reached their server"
          kind="percent"
          atLeast={1}
          series={[{ label: 'Kept', colour: '--accent', values: of(({ stickiness }) => stickiness), isFilled: true }]}
        />
      </Panel>
    </>
  )
}
