import "./style.css"; document.title = "PPO";
