import type { Applied } from '../admin/answers.ts'
import { AdminClient } from './admin-client.ts'
import type { AdminOptions } from './admin-options.ts'
import { AdminProblem } from './admin-problem.ts'
import { printJson } from './json.ts'
import { assertExists } from './server-argument.ts'

/** A change to ask the admin API for. */
export interface Change {
  readonly method: 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly path: string
  readonly body?: object
  readonly headers?: Readonly<Record<string, string>>
  /** Whether the change may leave the upstream without a server that may serve. */
  readonly force?: boolean | undefined
  /** What it is about, for messages. */
  readonly upstream?: string
  readonly server?: string
}

/** Asks for a change. Throws CommandFailure if it is refused; one that says which there are if the server is unknown. */
export async function ask<Answer>(client: AdminClient, change: Change): Promise<Answer> {
  const { method, path, body, headers = {}, force, upstream, server } = change
  try {
    return await client.change(method, force ? `${path}?force=true` : path, { body, headers })
  } catch (error) {
    if (error instanceof AdminProblem && error.code === 'not-found' && upstream !== undefined)
      await assertExists(client, upstream, server)
    throw error
  }
}

/** Asks for a change, and prints what has changed. */
export async function askAndPrint(options: AdminOptions, change: Change, nothing: string): Promise<void> {
  printApplied(await ask<Applied>(await AdminClient.from(options), change), options, nothing)
}

/** @param nothing the line to print if nothing has changed */
export function printApplied(applied: Pick<Applied, 'changes'>, { json }: AdminOptions, nothing: string): void {
  if (json) return printJson(applied)
  console.log(applied.changes.length === 0 ? nothing : applied.changes.join('\n'))
}
