import { Dialog } from '../components/dialog.tsx'
import { me } from '../state/live.ts'
import { isAskedToSignIn, leaveSignIn } from '../state/signing-in.ts'

export function SignInDialog() {
  if (!isAskedToSignIn.value) return null
  const who = me.data.value
  return (
    <Dialog title="Sign in to change things" onClose={leaveSignIn}>
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
