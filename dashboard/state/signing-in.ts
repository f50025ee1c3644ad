import { type ReadonlySignal, signal } from '@preact/signals'
import { ApiError, change } from './api.ts'
import { canWrite, me } from './live.ts'
import { say } from './toasts.ts'

const asked = signal(false)

/** Whether the user is to be told how to sign in. */
export const isAskedToSignIn: ReadonlySignal<boolean> = asked

export function askToSignIn(): void {
  asked.value = true
}

export function leaveSignIn(): void {
  asked.value = false
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
