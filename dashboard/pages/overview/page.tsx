import './overview.css'
import { useSignal } from '@preact/signals'
import { Choice } from '../../components/button.tsx'
import { samples } from '../../state/live.ts'
import { Charts } from './charts.tsx'
import { Events } from './events.tsx'
import { Numbers } from './numbers.tsx'
import { Sources } from './sources.tsx'
import { UpstreamList } from './upstream-list.tsx'

const spans = [
  { value: '60000', label: '1 min' },
  { value: '300000', label: '5 min' },
  { value: '600000', label: '10 min' },
] as const

export function OverviewPage() {
  const span = useSignal<(typeof spans)[number]['value']>('300000')
  const all = samples.value
  const shown = all.slice(-Number(span.value) / 1000)
  return (
    <div class="overview">
      <Numbers samples={shown} />
      <div class="range">
        <h2>The last minutes</h2>
        <Choice label="How far back" value={span.value} options={spans} onChange={(next) => (span.value = next)} />
      </div>
      <Charts samples={shown} span={Number(span.value)} />
      <Sources />
      <UpstreamList />
      <Events />
    </div>
  )
}
