import type { LogChapter } from './log-chapter.ts'

export const running = {
  title: 'Start, stop and upgrade',
  events: {
    listening: {
      level: 'info',
      fields: ['listener'],
      meaning: 'Clients can connect to this listener.',
      action: '',
    },
    'admin-listening': {
      level: 'info',
      fields: ['place'],
      meaning: 'The admin API answers here.',
      action: '',
    },
    'metrics-listening': {
      level: 'info',
      fields: ['place'],
      meaning: 'Metrics are served here, and nothing else.',
      action: '',
    },
    'admin-not-listening': {
      level: 'info',
      fields: ['place', 'cause'],
      meaning: 'The admin API does not answer on its standard socket.',
      action: 'If you need it, see the cause, or set `admin`.',
    },
    started: {
      level: 'info',
      fields: ['workers', 'origin'],
      meaning: 'Every worker serves.',
      action: '',
    },
    'signal-ignored': {
      level: 'warn',
      fields: ['signal'],
      meaning: 'A signal to replace the program came before the start was over.',
      action: 'Send it again once Limpet has started.',
    },
    stopping: {
      level: 'info',
      fields: ['signal'],
      meaning: 'Limpet finishes the requests in flight and ends.',
      action: '',
    },
    'upgrade-started': {
      level: 'info',
      fields: ['by'],
      meaning: 'The program on the disk is started, to replace this one.',
      action: '',
    },
    upgraded: {
      level: 'info',
      fields: ['pid'],
      meaning: 'Another process serves in place of this one, which ends with its last connection.',
      action: '',
    },
    'upgrade-failed': {
      level: 'error',
      fields: ['cause'],
      meaning: 'The new program did not come up. This one continues.',
      action: 'See the cause and the lines of the new process, and try again.',
    },
    'systemd-not-told': {
      level: 'warn',
      fields: ['cause'],
      meaning: 'systemd could not be told that Limpet is ready, or stops.',
      action: 'Set `NotifyAccess=all` in the unit, and make sure that systemd-notify is installed.',
    },
    'socket-unused': {
      level: 'warn',
      fields: ['place'],
      meaning: 'systemd has passed a socket that no listener of the configuration belongs to.',
      action: 'Give the socket unit and the configuration the same addresses and ports.',
    },
    'worker-died': {
      level: 'error',
      fields: ['worker', 'ms', 'cause'],
      meaning: 'A worker has died, and its connections are lost. Another one takes its place.',
      action: 'If it ran out of memory, give it more; else report it as a bug, with the cause.',
    },
    bug: {
      level: 'error',
      fields: ['err'],
      meaning: 'The admin API failed in a way that it should not.',
      action: 'Report it, with this line.',
    },
  },
} as const satisfies LogChapter
