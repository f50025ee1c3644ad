import './requests.css'
import { useSignal } from '@preact/signals'
import { useEffect, useMemo } from 'preact/hooks'
import { Button } from '../../components/button.tsx'
import { Waiting } from '../../components/empty.tsx'
import { Panel } from '../../components/panel.tsx'
import { ExplanationPanel } from './explanation.tsx'
import { Filters } from './filters.tsx'
import { RequestTable } from './request-table.tsx'
import { Tail, type TailRow } from './tail.ts'

/** A sample of the requests as they end; one of them can be explained. */
export function RequestsPage() {
  const tail = useMemo(() => new Tail(), [])
  useEffect(() => tail.follow(), [tail])
  const chosen = useSignal<TailRow | undefined>(undefined)
  const { isPointedAt, hasFocus, error, rows } = tail
  return (
    <div class={chosen.value === undefined ? 'requests' : 'requests with-explanation'}>
      <Panel title="As they end" flush aside={<Controls tail={tail} />}>
        <Filters />
        <div
          onPointerEnter={() => (isPointedAt.value = true)}
          onPointerLeave={() => (isPointedAt.value = false)}
          onFocusIn={() => (hasFocus.value = true)}
          onFocusOut={() => (hasFocus.value = false)}
        >
          {error.value !== undefined && rows.value.length === 0 ? (
            <Waiting error={error.value} />
          ) : (
            <RequestTable rows={rows.value} chosen={chosen.value} onChoose={(row) => (chosen.value = row)} />
          )}
        </div>
      </Panel>
      {chosen.value !== undefined && (
        <ExplanationPanel
          key={chosen.value.number}
          row={chosen.value}
          onClose={() => {
            chosen.value = undefined
          }}
        />
      )}
    </div>
  )
}

function Controls({ tail: { isPaused, isHeld, waiting } }: { readonly tail: Tail }) {
  const newer = waiting.value.length
  const words = isHeld.value ? `Held${newer > 0 ? `: ${newer} newer` : ''}` : 'A sample: at most 20 a second'
  return (
    <>
      <span class="faint">{words}</span>
      <Button aria-pressed={isPaused.value} onClick={() => (isPaused.value = !isPaused.value)}>
        {isPaused.value ? 'Go on' : 'Pause'}
      </Button>
    </>
  )
}
