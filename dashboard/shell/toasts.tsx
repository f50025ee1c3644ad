import { dismiss, toasts } from '../state/toasts.ts'
import { SignInDialog } from './sign-in.tsx'

/** Short words about what was done, and the question to sign in. */
export function Toasts() {
  return (
    <>
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
      <SignInDialog />
    </>
  )
}
