import type { LogChapter } from './log-chapter.ts'

export const state = {
  title: 'State directory',
  events: {
    'state-unreadable': {
      level: 'warn',
      fields: ['file', 'cause'],
      meaning: 'A file of the state directory cannot be read, and is not used.',
      action: 'Let the user that Limpet runs as read it.',
    },
    'state-not-written': {
      level: 'warn',
      fields: ['file', 'cause'],
      meaning: 'A file cannot be written, and what it was for is lost at a restart.',
      action: 'Set `stateDirectory` to a directory that can be written.',
    },
    'state-not-removed': {
      level: 'warn',
      fields: ['file', 'cause'],
      meaning: 'A file that is not needed any more cannot be removed or renamed.',
      action: 'Remove it.',
    },
    'state-not-understood': {
      level: 'warn',
      fields: ['file'],
      meaning: 'A file does not hold what it should, and is not used.',
      action: 'Restore it from a backup, if something is missing; else remove it.',
    },
    'secret-replaced': {
      level: 'warn',
      fields: ['file'],
      meaning: 'The secret of this machine was too short, and is another one now.',
      action: 'Give the other replicas the same.',
    },
    'secret-not-shared': {
      level: 'warn',
      fields: [],
      meaning: 'Session cookies are signed with a secret that no other replica has.',
      action: 'If there are replicas, set `secrets`.',
    },
    'instance-shared': {
      level: 'warn',
      fields: ['instance'],
      meaning: 'Another Limpet uses the state directory under the same instance.',
      action: 'Unless this one is to replace it, give one of them another instance.',
    },
    'instance-unnamed': {
      level: 'warn',
      fields: ['instance'],
      meaning: 'The listeners have changed, and the next run could have another name.',
      action: 'Set `instance` to this one.',
    },
  },
} as const satisfies LogChapter
