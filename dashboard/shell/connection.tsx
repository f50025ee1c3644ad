import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { now, span } from '../components/when.tsx'
import { connection } from '../state/live.ts'

/** How long the word that the connection is back stays, in ms. */
const STAYS = 6000

/** One word in the bar at the top. */
export function ConnectionState() {
  const { state } = connection.value
  const word = { connecting: 'Connecting', live: 'Live', denied: 'Signed out', lost: 'Lost' }[state]
  return (
    <span class={`connection-state ${state}`}>
      <span class="dot" aria-hidden="true" />
      {word}
    </span>
  )
}

/** Says that the connection is lost, and when it is back. */
export function ConnectionNotice() {
  const present = connection.value
  const isBack = useSignal(false)
  const wasLost = useSignal(false)
  useEffect(() => {
    if (present.state === 'lost') {
      wasLost.value = true
      isBack.value = false
      return
    }
    if (present.state !== 'live' || !wasLost.value) return
    wasLost.value = false
    isBack.value = true
    const timer = setTimeout(() => (isBack.value = false), STAYS)
    return () => clearTimeout(timer)
  }, [present.state])
  return (
    <div class="notices" role="status">
      {present.state === 'lost' && (
        <p class="notice bad">
          <strong>Connection lost</strong> {span(now.value - present.since)} ago
          {present.why === undefined ? '' : `: ${present.why}`}. What you see is from before; trying again.
        </p>
      )}
      {isBack.value && (
        <p class="notice good">
          <strong>Connected again.</strong> Everything here is live.
        </p>
      )}
    </div>
  )
}
