import { signal } from '@preact/signals'
import { Dialog } from '../components/dialog.tsx'
import { ApiError, change } from '../state/api.ts'
import { canWrite, me } from '../state/live.ts'
import { say } from '../state/toasts.ts'

const isAsked = signal(false)

/** Says how to sign in. */
export function askToSignIn(): void {
  isAsked.value = true
}

/** Whether changes are allowed; if not, says how to sign in. Buttons that change something ask this first. */
export function mayChange(): boolean {
  if (!canWrite.peek()) askToSignIn()
  return canWrite.peek()
}

export async function signOut(): Promise<void> {
  try {
    await change('POST', '/v1/sign-out')
    say('Signed out.')
  } catch (error) {
    say(error instanceof ApiError ? error.message : String(error), 'bad')
  }
  await me.refresh()
}

export function SignInDialog() {
  if (!isAsked.value) return null
  const who = me.data.value
  return (
    <Dialog title="Sign in to change things" onClose={() => (isAsked.value = false)}>
      <HowTo />
      {who?.signedIn && who.scope === 'read' && <p>You are signed in as {who.name}, which may only read.</p>}
    </Dialog>
  )
}

/** What is shown in place of a page to those who may not even read. */
export function SignInPage() {
  return (
    <section class="sign-in">
      <h2>Sign in</h2>
      <HowTo />
    </section>
  )
}

function HowTo() {
  return (
    <>
      <p>On the machine where Limpet runs, as the user that runs it, ask for a link:</p>
      <pre class="command">
        <code>limpet dashboard</code>
      </pre>
      <p>Open the link in this browser. It works once, within a minute.</p>
    </>
  )
}
