// Where in the recording the person is: set by the player, read by whatever else on the page speaks of it.

/** @type {{ positionMs: number | null }} null where the page has no player */
export const place = { positionMs: null };
