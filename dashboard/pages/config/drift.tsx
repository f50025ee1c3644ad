import { useSignal } from '@preact/signals'
import { Badge } from '../../components/badge.tsx'
import { Button } from '../../components/button.tsx'
import { Dialog } from '../../components/dialog.tsx'
import { Empty } from '../../components/empty.tsx'
import { Panel } from '../../components/panel.tsx'
import { ApiError, change } from '../../state/api.ts'
import { status, upstreams } from '../../state/live.ts'
import { linkTo } from '../../state/place.ts'
import { mayChange } from '../../state/signing-in.ts'
import { say } from '../../state/toasts.ts'

/** What operators have changed at run time, and the file does not say. */
export function DriftPanel() {
  const isAsked = useSignal(false)
  const changes = status.data.value?.changes ?? []
  const ask = () => {
    isAsked.value = mayChange()
  }
  return (
    <Panel title="Differs from the file" flush aside={changes.length > 0 && <Button onClick={ask}>Reset…</Button>}>
      {changes.length === 0 ? (
        <Empty title="Nothing">What is in effect is what the file says.</Empty>
      ) : (
        <ul class="drift">
          {changes.map(({ upstream, server, message }) => (
            <li key={`${upstream}/${server}/${message}`}>
              <a href={linkTo('upstreams', [upstream])}>{server === null ? upstream : `${upstream}/${server}`}</a>
              <span>{message}</span>
              <Badge tone="warn">by an operator</Badge>
            </li>
          ))}
        </ul>
      )}
      {isAsked.value && <ResetDialog count={changes.length} onClose={() => (isAsked.value = false)} />}
    </Panel>
  )
}

function ResetDialog({ count, onClose }: { readonly count: number; readonly onClose: () => void }) {
  const isBusy = useSignal(false)
  const reset = async () => {
    isBusy.value = true
    try {
      const { changes } = await change('POST', '/v1/reset')
      say(changes.length === 0 ? 'Nothing had to change.' : changes.join('; '), 'good')
      await Promise.all([status.refresh(), upstreams.refresh()])
      onClose()
    } catch (error) {
      say(error instanceof ApiError ? error.message : String(error), 'bad')
      isBusy.value = false
    }
  }
  return (
    <Dialog
      title="Back to the file?"
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="danger" disabled={isBusy.value} onClick={reset}>
            Drop {count === 1 ? 'the change' : `all ${count} changes`}
          </Button>
        </>
      }
    >
      <p>
        All changes of operators are dropped: drains, maintenance, weights, and servers that were added or removed at
        run time. What the file says is in effect then.
      </p>
    </Dialog>
  )
}
