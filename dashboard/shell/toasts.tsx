import { dismiss, toasts } from '../state/toasts.ts'

/** Short words about what was done. */
export function Toasts() {
  return (
    <div class="toasts" role="status">
      {toasts.value.map(({ id, tone, text }) => (
        <p key={id} class={`toast ${tone}`}>
          {text}
          <button type="button" class="button quiet" aria-label="Dismiss" onClick={() => dismiss(id)}>
            ✕
          </button>
        </p>
      ))}
    </div>
  )
}
