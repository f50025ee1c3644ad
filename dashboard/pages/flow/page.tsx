import './flow.css'
import { useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { Choice } from '../../components/button.tsx'
import { Empty, Waiting } from '../../components/empty.tsx'
import { EventItem } from '../../components/event-item.tsx'
import { Panel } from '../../components/panel.tsx'
import { events, traffic, upstreams } from '../../state/live.ts'
import { place, setQuery } from '../../state/place.ts'
import { graphOf, type Room } from './flow-graph.ts'
import type { Scale } from './flow-layout.ts'
import { FlowPicture, NARROW } from './flow-picture.tsx'
import { FlowTable } from './flow-table.tsx'

const wide: Room = { routes: 14, upstreams: 10, servers: 36 }
const narrow: Room = { routes: 8, upstreams: 6, servers: 16 }

const scales: readonly { readonly value: Scale; readonly label: string }[] = [
  { value: 'linear', label: 'Linear' },
  { value: 'log', label: 'Log' },
]

/** Where the traffic flows: `#/flow?scale=log`. */
export function FlowPage() {
  const holder = useRef<HTMLDivElement>(null)
  const width = useSignal(0)
  const known = upstreams.data.value?.upstreams
  const isKnown = known !== undefined && known.length > 0
  useEffect(() => {
    const element = holder.current
    if (element === null) return
    const resized = new ResizeObserver(() => {
      width.value = element.clientWidth
    })
    resized.observe(element)
    return () => resized.disconnect()
  }, [isKnown])
  if (known === undefined) return <Waiting error={upstreams.error.value} />
  if (!isKnown) return <Empty title="No upstreams">The configuration has none.</Empty>
  const scale: Scale = place.value.query.get('scale') === 'log' ? 'log' : 'linear'
  const graph = graphOf(known, traffic.value, width.value < NARROW ? narrow : wide)
  return (
    <div class="flow-page">
      <Panel
        title="Routes, upstreams, servers"
        aside={
          <Choice
            label="Widths"
            value={scale}
            options={scales}
            onChange={(next) => setQuery({ scale: next === 'log' ? next : '' })}
          />
        }
      >
        <div ref={holder}>
          {width.value > 0 && (
            <FlowPicture graph={graph} scale={scale} width={width.value} second={traffic.value?.now.at} />
          )}
        </div>
        <Legend />
      </Panel>
      <Lately />
      <details class="panel as-table">
        <summary>The same as a table</summary>
        <FlowTable graph={graph} />
      </details>
    </div>
  )
}

function Legend() {
  return (
    <ul class="flow-legend">
      <li class="flowing">traffic</li>
      <li class="warn">draining</li>
      <li class="bad">down, or failing</li>
      <li class="idle">no traffic</li>
    </ul>
  )
}

/** How many of the last events are shown. */
const SHOWN = 5

/** What has happened to servers, newest first. */
function Lately() {
  const shown = events.value
    .filter(({ topic, type }) => topic === 'health' || (topic === 'drain' && type !== 'drain-progress'))
    .slice(0, SHOWN)
  if (shown.length === 0) return null
  return (
    <Panel title="What happened to servers" flush>
      <ol class="event-list">
        {shown.map((event) => (
          <EventItem key={event.id} {...event} />
        ))}
      </ol>
    </Panel>
  )
}
