import { Command } from 'commander'
import { type AdminOptions, withAdminOptions, withExamples } from './admin-options.ts'
import { askAndPrint } from './change.ts'
import { parseUpstream, pathOfUpstream } from './server-argument.ts'

/** `limpet resume`: ends a pause. */
export function resumeCommand(): Command {
  const command = new Command('resume')
    .summary('end the pause of an upstream')
    .description('Ends the pause of an upstream: the requests that wait go on in their order.')
    .argument('<upstream>', 'the upstream', parseUpstream)
    .action(resume)
  return withExamples(withAdminOptions(command), 'limpet resume app')
}

async function resume(upstream: string, options: AdminOptions): Promise<void> {
  const change = { method: 'DELETE', path: `${pathOfUpstream(upstream)}/pause`, upstream } as const
  await askAndPrint(options, change, `upstream ${upstream}: it was not paused`)
}
