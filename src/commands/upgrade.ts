import { setTimeout } from 'node:timers/promises'
import { Command } from 'commander'
import type { Status } from '../admin/answers.ts'
import { AdminClient, Unreachable } from './admin-client.ts'
import { type AdminOptions, withAdminOptions, withExamples } from './admin-options.ts'
import { ask } from './change.ts'
import { CommandFailure } from './command-failure.ts'
import { timeoutOption } from './duration-argument.ts'
import { printJson } from './json.ts'

interface UpgradeOptions extends AdminOptions {
  /** ms */
  readonly timeout: number
}

/** Between two questions whether the new process answers, in ms. */
const ASK_EVERY = 100

/** `limpet upgrade`: replaces the program without a lost connection. */
export function upgradeCommand(): Command {
  const command = new Command('upgrade')
    .summary('replace the running program with the one on disk')
    .description(
      'Starts the program that is on disk now, hands the listening sockets over to it, and lets the old process finish what it serves. If the new one does not start, the old one goes on.',
    )
    .addOption(timeoutOption('how long to wait until the new process answers'))
    .action(upgrade)
  return withExamples(withAdminOptions(command), 'npm install --global limpet && limpet upgrade')
}

async function upgrade(options: UpgradeOptions): Promise<void> {
  const client = await AdminClient.from(options)
  const before = await client.get<Status>('/v1/status')
  const { pid } = await ask<{ pid: number }>(client, { method: 'POST', path: '/v1/upgrade' })
  const status = await untilServedBy(pid, client, Date.now() + options.timeout)
  if (options.json) printJson({ before: { pid: before.pid, version: before.version }, pid, version: status.version })
  else console.log(`upgraded: process ${before.pid} (${before.version}) → ${pid} (${status.version})`)
}

/** Waits until the new process answers: for a moment, there may be none that does. */
async function untilServedBy(pid: number, client: AdminClient, deadline: number): Promise<Status> {
  while (Date.now() < deadline) {
    try {
      const status = await client.get<Status>('/v1/status')
      if (status.pid === pid) return status
    } catch (error) {
      if (!(error instanceof Unreachable)) throw error
    }
    await setTimeout(ASK_EVERY)
  }
  throw new CommandFailure(`process ${pid} has started, but does not answer yet; see the log`)
}
