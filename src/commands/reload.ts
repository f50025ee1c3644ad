import { Command } from 'commander'
import { type AdminOptions, withAdminOptions, withExamples } from './admin-options.ts'
import { askAndPrint } from './change.ts'

/** `limpet reload`: applies the configuration file again. */
export function reloadCommand(): Command {
  const command = new Command('reload')
    .summary('apply the changed configuration file')
    .description(
      'Has the running Limpet read its configuration again, and prints what has changed. A configuration with a mistake changes nothing: all mistakes are printed, and the exit code is 1.',
    )
    .action(reload)
  return withExamples(withAdminOptions(command), 'limpet reload')
}

async function reload(options: AdminOptions): Promise<void> {
  await askAndPrint(options, { method: 'POST', path: '/v1/reload' }, 'nothing has changed')
}
