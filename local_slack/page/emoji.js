// The emoji this page knows by Slack's short name: a common few dozen, enough to see a shortcode come alive. An unknown
// name stays text, as `:name:`. No pictures are loaded; the system's font draws them.

const TABLE = `
  +1 👍 thumbsup 👍 -1 👎 thumbsdown 👎 ok_hand 👌 wave 👋 clap 👏 pray 🙏 raised_hands 🙌 muscle 💪 point_right 👉 point_up ☝️
  smile 😄 smiley 😃 grin 😁 slightly_smiling_face 🙂 wink 😉 joy 😂 sweat_smile 😅 thinking_face 🤔 neutral_face 😐
  disappointed 😞 cry 😢 sob 😭 scream 😱 rage 😡 sunglasses 😎 facepalm 🤦 shrug 🤷 eyes 👀 skull 💀
  heart ❤️ broken_heart 💔 fire 🔥 tada 🎉 sparkles ✨ star ⭐ rocket 🚀 100 💯 zap ⚡ boom 💥
  white_check_mark ✅ heavy_check_mark ✔️ ballot_box_with_check ☑️ x ❌ heavy_multiplication_x ✖️ warning ⚠️ no_entry ⛔
  no_entry_sign 🚫 octagonal_sign 🛑 rotating_light 🚨 question ❓ exclamation ❗ information_source ℹ️ bulb 💡
  lock 🔒 unlock 🔓 closed_lock_with_key 🔐 key 🔑 shield 🛡️ bell 🔔 no_bell 🔕 mega 📣 speech_balloon 💬 mag 🔍
  ticket 🎫 memo 📝 clipboard 📋 page_facing_up 📄 paperclip 📎 link 🔗 file_folder 📁 inbox_tray 📥 outbox_tray 📤 email 📧
  calendar 📅 alarm_clock ⏰ hourglass ⌛ hourglass_flowing_sand ⏳ stopwatch ⏱️ wrench 🔧 hammer 🔨 gear ⚙️ bug 🐛
  robot_face 🤖 bust_in_silhouette 👤 busts_in_silhouette 👥 office 🏢 globe_with_meridians 🌐 package 📦
  red_circle 🔴 large_blue_circle 🔵 large_green_circle 🟢 large_yellow_circle 🟡 large_orange_circle 🟠 white_circle ⚪
  black_circle ⚫ arrow_right ➡️ arrow_left ⬅️ arrow_up ⬆️ arrow_down ⬇️ arrows_counterclockwise 🔄 leftwards_arrow_with_hook ↩️
  chart_with_upwards_trend 📈 scales ⚖️ scroll 📜 label 🏷️ pushpin 📌 coffee ☕ snowflake ❄️ construction 🚧
`;

const BY_NAME = new Map();
const words = TABLE.trim().split(/\s+/);
for (let i = 0; i < words.length; i += 2) BY_NAME.set(words[i], words[i + 1]);

/** The character for a short name (skin-tone suffix ignored), or undefined. */
export function emojiFor(name) {
  return BY_NAME.get(name.split("::")[0]);
}

/** Short names offered when reacting, in the order shown. */
export const REACTIONS = [
  "+1",
  "-1",
  "eyes",
  "white_check_mark",
  "x",
  "tada",
  "heart",
  "pray",
  "wave",
  "thinking_face",
  "warning",
  "rotating_light",
  "lock",
  "key",
  "ticket",
  "memo",
  "fire",
  "rocket",
];
