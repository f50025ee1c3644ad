import { useSignal } from '@preact/signals'
import { SearchField } from '../../components/button.tsx'
import { Empty } from '../../components/empty.tsx'
import { EventItem } from '../../components/event-item.tsx'
import { Panel } from '../../components/panel.tsx'
import type { Topic } from '../../state/happening.ts'
import { events } from '../../state/live.ts'

const topics: readonly { readonly value: Topic | 'all'; readonly label: string }[] = [
  { value: 'all', label: 'Everything' },
  { value: 'health', label: 'Health' },
  { value: 'skew', label: 'Skew' },
  { value: 'config', label: 'Config' },
  { value: 'drain', label: 'Drains' },
  { value: 'worker', label: 'Workers' },
  { value: 'certificate', label: 'Certificates' },
  { value: 'source', label: 'Sources' },
  { value: 'upgrade', label: 'Upgrades' },
  { value: 'operator', label: 'Operators' },
]

/** What has happened, newest first. */
export function Events() {
  const topic = useSignal<Topic | 'all'>('all')
  const words = useSignal('')
  const shown = events.value.filter(
    (event) =>
      (topic.value === 'all' || event.topic === topic.value) &&
      event.text.toLowerCase().includes(words.value.toLowerCase()),
  )
  return (
    <div class="events">
      <Panel title="Events" flush>
        <div class="filters">
          <select
            aria-label="Kind"
            value={topic.value}
            onChange={({ currentTarget }) => (topic.value = currentTarget.value as Topic)}
          >
            {topics.map(({ value, label }) => (
              <option key={value} value={value}>
                {label}
              </option>
            ))}
          </select>
          <SearchField label="Filter events" value={words.value} onChange={(next) => (words.value = next)} />
        </div>
        {shown.length === 0 ? (
          <Empty title={events.value.length === 0 ? 'Nothing has happened' : 'No such event'}>
            {events.value.length === 0
              ? 'Health, changes, drains and certificates appear here as they happen.'
              : undefined}
          </Empty>
        ) : (
          // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by the keyboard.
          <ol class="event-list" tabIndex={0} aria-label="Events">
            {shown.map((event) => (
              <EventItem key={event.id} {...event} />
            ))}
          </ol>
        )}
      </Panel>
    </div>
  )
}
