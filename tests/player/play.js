// Plays the film that the address names to its end, then seeks through it, and reports both to
// the test that opened the page. The test judges; this only reports.

const asked = new URLSearchParams(location.search);
const film = asked.get("film");
const video = document.querySelector("video");
const errors = [];

/** After this time a hanging player reports what is known so far, before the test gives up. */
const PATIENCE_MS = 45_000;

const players = {
  async file() {
    video.src = URL.createObjectURL(await (await fetch(film)).blob());
  },
  hls() {
    const player = new Hls();
    player.on(Hls.Events.ERROR, (_, { fatal, type, details, reason }) => {
      errors.push(`${fatal ? "fatal " : ""}${type} ${details} ${reason ?? ""}`);
    });
    player.loadSource(film);
    player.attachMedia(video);
  },
  dash() {
    const player = dashjs.MediaPlayer().create();
    player.on(dashjs.MediaPlayer.events.ERROR, ({ error }) => {
      errors.push(`${error.code} ${error.message}`);
    });
    player.initialize(video, film, false);
  },
};

const once = (name) =>
  new Promise((resolve) => video.addEventListener(name, resolve, { once: true }));

function state() {
  const { buffered, currentTime, duration, ended, videoWidth, videoHeight } = video;
  const ranges = Array.from({ length: buffered.length }, (_, index) => [
    buffered.start(index),
    buffered.end(index),
  ]);
  const { totalVideoFrames } = video.getVideoPlaybackQuality();
  return { errors, buffered: ranges, currentTime, duration, ended, videoWidth, videoHeight,
    decodedFrames: totalVideoFrames };
}

async function play() {
  const ended = once("ended");
  const ready = once("canplay");
  players[asked.get("player")]();
  await ready;
  video.playbackRate = video.duration > 20 ? 8 : 4;
  await video.play();
  await ended;
}

/** The frame at a time: its green channel, enough to tell black from white, and its corner. */
async function look(seconds) {
  const shown = new Promise((resolve) => video.requestVideoFrameCallback(resolve));
  const sought = once("seeked");
  video.currentTime = seconds;
  await Promise.all([shown, sought]);
  const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
  const context = canvas.getContext("2d");
  context.drawImage(video, 0, 0);
  const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
  const gray = Array.from({ length: data.length / 4 }, (_, pixel) => data[4 * pixel + 1]);
  return { gray, corner: Array.from(data.slice(0, 3)) };
}

async function run() {
  await play();
  const report = state();
  report.looks = [];
  for (const seconds of asked.get("looks").split(",").map(Number)) {
    report.looks.push(await look(seconds));
  }
  return report;
}

const send = (report) => fetch("/report", { method: "POST", body: JSON.stringify(report) });
const giveUp = (why) => send({ ...state(), failure: `${why}` });

setTimeout(() => giveUp("the player did not get through in time"), PATIENCE_MS);
video.addEventListener("error", () => giveUp(video.error.message));
run().then(send, giveUp);
