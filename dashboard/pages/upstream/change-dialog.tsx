import './change-dialog.css'
import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import type { Plan } from '../../../src/admin/planning.ts'
import { Button, Choice } from '../../components/button.tsx'
import { Dialog } from '../../components/dialog.tsx'
import { ApiError } from '../../state/api.ts'
import { upstreams } from '../../state/live.ts'
import { say } from '../../state/toasts.ts'
import {
  type AtDeadline,
  type ChangeKind,
  type Choices,
  considered,
  type Found,
  find,
  forgetChange,
  make,
  plan,
  type ServerChange,
} from './change.ts'
import { PlannedSessions } from './planned-sessions.tsx'

/** How long after the last key a plan is asked for, in ms. */
const SETTLES = 250

const words: Readonly<Record<ChangeKind, { title: string; what: string; button: string; done: string }>> = {
  ready: {
    title: 'Make it ready',
    what: 'It serves everyone again, new users, too.',
    button: 'Make ready',
    done: 'is ready',
  },
  drain: {
    title: 'Drain',
    what: 'New users go to other servers. Those that it has stay until they leave, or until the deadline.',
    button: 'Drain',
    done: 'is being drained',
  },
  maintenance: {
    title: 'Maintenance',
    what: 'It gets no request any more, from now on. Requests in flight finish.',
    button: 'Take out of service',
    done: 'is in maintenance',
  },
  weight: {
    title: 'Change the weight',
    what: 'Its share of new users, beside the weights of the others. Sessions stay where they are.',
    button: 'Set the weight',
    done: 'has another weight',
  },
}

/** Asks whether a server is to be changed, and shows what that would do. */
export function ChangeDialog() {
  const change = considered.value
  return change && <Question key={`${change.kind}/${change.upstream}/${change.server}`} change={change} />
}

function Question({ change }: { readonly change: ServerChange }) {
  const { kind, upstream, server: name } = change
  const { title, what, button, done } = words[kind]
  const found = useSignal<Found | undefined>(undefined)
  const choices = useSignal<Choices | undefined>(undefined)
  const planned = useSignal<Plan | undefined>(undefined)
  const planError = useSignal<ApiError | undefined>(undefined)
  const error = useSignal<ApiError | undefined>(undefined)
  const isBusy = useSignal(false)

  /** Looks at the server as it is now; what the operator has chosen stays. */
  const look = async () => {
    error.value = undefined
    // Until it is known, nothing can be confirmed.
    found.value = undefined
    try {
      found.value = await find(change)
      choices.value ??= found.value.choices
    } catch (why) {
      error.value = apiErrorOf(why)
    }
  }
  useEffect(() => void look(), [])

  useEffect(() => {
    const chosen = choices.value
    if (chosen === undefined) return
    let isCurrent = true
    const ask = async () => {
      try {
        const answer = await plan(change, chosen)
        if (!isCurrent) return
        planned.value = answer
        planError.value = undefined
      } catch (why) {
        if (isCurrent) planError.value = apiErrorOf(why)
      }
    }
    const timer = setTimeout(ask, planned.peek() === undefined ? 0 : SETTLES)
    return () => {
      isCurrent = false
      clearTimeout(timer)
    }
  }, [choices.value?.weight, choices.value?.atDeadline, found.value])

  const confirm = async (isForced: boolean) => {
    isBusy.value = true
    error.value = undefined
    try {
      await make(change, choices.peek()!, found.peek()!, isForced)
      say(`${upstream}/${name} ${done}.`, 'good')
      forgetChange()
      await upstreams.refresh()
    } catch (why) {
      error.value = apiErrorOf(why)
      isBusy.value = false
    }
  }

  const isStale = error.value?.status === 412
  const isRefused = error.value?.status === 409
  const changesNothing = planned.value?.changes.length === 0
  const isImpossible = planError.value?.status === 400 || planError.value?.status === 404
  return (
    <Dialog
      title={`${title}: ${upstream}/${name}`}
      onClose={forgetChange}
      actions={
        <>
          <Button onClick={forgetChange}>Cancel</Button>
          {isStale ? (
            <Button look="primary" onClick={look}>
              Look again
            </Button>
          ) : (
            <Button
              look={isRefused ? 'danger' : 'primary'}
              disabled={isBusy.value || found.value === undefined || changesNothing || isImpossible}
              onClick={() => confirm(isRefused)}
            >
              {isRefused ? 'Do it anyway' : button}
            </Button>
          )}
        </>
      }
    >
      <p>{what}</p>
      {choices.value !== undefined && (
        <Fields kind={kind} choices={choices.value} onChange={(next) => (choices.value = next)} />
      )}
      <PlannedSessions change={change} plan={planned.value} error={planError.value} />
      {error.value !== undefined && (
        <div class="refusal" role="alert">
          <p>
            <strong>{isStale ? 'Somebody else has changed it meanwhile' : error.value.title}</strong>
          </p>
          <p>{isStale ? 'Nothing was done. Look again at how it is now, then decide.' : error.value.message}</p>
        </div>
      )}
    </Dialog>
  )
}

function Fields({
  kind,
  choices,
  onChange,
}: {
  readonly kind: ChangeKind
  readonly choices: Choices
  readonly onChange: (choices: Choices) => void
}) {
  if (kind === 'weight') {
    return (
      <label class="labelled">
        <span>Weight</span>
        <input
          class="field"
          type="number"
          min={1}
          max={65_535}
          value={choices.weight}
          onInput={({ currentTarget }) => onChange({ ...choices, weight: currentTarget.valueAsNumber })}
        />
      </label>
    )
  }
  if (kind !== 'drain') return null
  return (
    <div class="fields">
      <label class="labelled">
        <span>Deadline</span>
        <input
          class="field"
          type="text"
          placeholder="none"
          size={8}
          value={choices.deadline}
          onInput={({ currentTarget }) => onChange({ ...choices, deadline: currentTarget.value.trim() })}
        />
      </label>
      <div class="labelled">
        <span>Those who are left then</span>
        <Choice
          label="What happens at the deadline to the sessions that are left"
          value={choices.atDeadline}
          options={fates}
          onChange={(atDeadline) => onChange({ ...choices, atDeadline })}
        />
      </div>
    </div>
  )
}

const fates: readonly { readonly value: AtDeadline; readonly label: string }[] = [
  { value: 'move', label: 'Move' },
  { value: 'refuse', label: 'Are refused' },
  { value: 'keep', label: 'Stay' },
]

function apiErrorOf(why: unknown): ApiError {
  return why instanceof ApiError ? why : new ApiError(0, 'It did not work', String(why))
}
